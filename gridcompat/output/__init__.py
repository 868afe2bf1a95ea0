"""Text for people and scripts: tables, XML and messages, from values that are handed in.

Imports nothing.  Must not know clocks, files or clusters.
"""
