"""What people type: one module for each drop-in command, which parses, calls `service` and prints.

Imports nothing: every command begins by importing this package.  Must not know how anything is stored.
"""
