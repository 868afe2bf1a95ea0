"""Clusters behind one port: `base` is the port, `embedded` and `rest` are the two versions of it.

Must not know Grid Engine: it speaks Kubernetes objects only.
"""
