"""What will become of a site's crontabs and scripts: read, judged line by line, never executed.

`shell`, with its `grammar`, and `crontab` take text apart, `expand` finds out which values are known,
`wrappers` looks through commands that run others, `calls` finds the grid's commands, `samples` makes each
ready for the parser; `cli.check` asks the code of the submission about them and says it.  `grid` reads a
grid's configuration, `toml` writes it as settings.  All of it is pure but `files` and `grid`.  Must not know
clusters, nor have rules of its own about what a switch does: those are in `options.table` and
`options.checks`.
"""
