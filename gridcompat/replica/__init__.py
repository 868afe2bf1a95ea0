"""The daemon as one of several replicas in a cluster: who leads, what it shows of itself, how it ends.

The embedded cluster's daemon is `gridcompat.daemon`; here are no state directory, no pods of our own and
no end for want of work.
"""
