"""What will become of a site's crontabs and scripts: read, judged line by line, never executed.

`shell` and `crontab` take text apart, `expand` finds out which values are known, `calls` finds the
grid's commands in it, `judge` asks the code of the submission about each, `report` says it.  All of it
is pure but `files`.  Must not know clusters, nor have rules of its own about what a switch does: those
are in `options.table` and `options.checks`.
"""
