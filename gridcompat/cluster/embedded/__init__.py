"""The cluster of one machine: objects in SQLite, pods that are processes."""
