"""From words to a Submission: one table of switches, one scanner, and what becomes of repeats.

Imports nothing: every command begins by importing this package.  Must not know clusters, nor print.
"""
