"""Clusters behind one port: `base` is the port, `embedded` and `rest` are the two versions of it."""
