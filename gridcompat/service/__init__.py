"""What the commands ask for, on any cluster: submit, choose jobs, give orders, wait for the end.

Every function takes the cluster it works on; none prints or ends the process.
Must not know switches, texts, or which cluster it has.
"""
