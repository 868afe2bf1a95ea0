"""Messages that users' scripts match, each with its source; a module for each kind of command.

Imports nothing.  Must not know who prints them, nor on which stream.
"""
