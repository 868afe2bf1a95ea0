"""The mailer: sends what waits in the outbox's spool. See `send.Sender`.

Must not know the controller, GridJobs or anything else of the cluster.
"""
