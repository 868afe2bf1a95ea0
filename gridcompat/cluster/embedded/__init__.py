"""The cluster of one machine: objects in SQLite, pods that are processes.

Must not know Grid Engine, nor which commands there are.
"""
