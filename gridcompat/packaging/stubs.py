"""The texts of installed commands, and of what scripts source from a grid's root.

A stub names its interpreter and its package by absolute paths: a crontab's PATH, an activated or a
vanished virtual environment, a PYTHONPATH do not decide what runs.  Must not know where files go.
"""

from __future__ import annotations

import shlex

SHEBANG_LIMIT = 120
"""Kernels before 5.1 cut the first line at 127 bytes."""

_DROP_IN = """\
import os
import sys

sys.path.insert(0, {root!r})
sys.path.append({packages!r})

from gridcompat.commands._main import main  # noqa: E402  (the path is set first)

# Nothing is left to do, and the interpreter's own end takes milliseconds.
os._exit(main({name!r}, sys.argv))
"""
_GRIDCOMPAT = """\
import os
import sys

sys.path.insert(0, {root!r})

if sys.argv[1:2] == ["_complete"] and sys.argv[2:3] != ["gridcompat"]:
    from gridcompat.commands._complete import main

    os._exit(main(sys.argv[2:]))

import site  # noqa: E402  (only this branch needs it)

site.main()
sys.path.append({packages!r})

try:
    from gridcompat.cli import main
except ModuleNotFoundError as missing:
    if missing.name is None or missing.name.startswith("gridcompat"):
        raise
    sys.exit(
        "gridcompat: the Python package " + missing.name + " is not installed\\n"
        "gridcompat: " + sys.executable + " needs it for this command; jsub, qsub and the others need nothing"
    )

sys.exit(main())
"""


def command(name: str, *, python: str, root: str, packages: str) -> str:
    """Return the program text of an installed command.

    Args:
        name: a drop-in, or `gridcompat`.
        python: absolute path of the interpreter.
        root: absolute path of the directory that the package lies in.
        packages: of the directory where packages of others are found; looked at last.
    """
    body = _GRIDCOMPAT if name == "gridcompat" else _DROP_IN
    return _first_lines(python) + body.format(name=name, root=root, packages=packages)


def _first_lines(python: str) -> str:
    if len(python) <= SHEBANG_LIMIT and not any(letter.isspace() for letter in python):
        return f"#!{python} -IS\n"
    # sh runs the second line; to Python it is a text that nobody uses.
    return f"#!/bin/sh\n''''exec {shlex.quote(python)} -IS \"$0\" \"$@\" # '''\n"


def settings_sh(*, root: str, cell: str, arch: str) -> str:
    """Return `settings.sh` of a grid's root, for scripts that source it, also with `set -eu`."""
    return f"""\
# Made by `gridcompat install`: what a grid's settings.sh gives to scripts that source it.
SGE_ROOT={shlex.quote(root)}; export SGE_ROOT
SGE_CELL={shlex.quote(cell)}; export SGE_CELL
SGE_CLUSTER_NAME=gridcompat; export SGE_CLUSTER_NAME
unset SGE_QMASTER_PORT SGE_EXECD_PORT
case ":${{PATH:=/usr/local/bin:/usr/bin:/bin}}:" in
*":$SGE_ROOT/bin/{arch}:"*) ;;
*) PATH=$SGE_ROOT/bin/{arch}:$PATH ;;
esac
export PATH
case ":${{MANPATH:-}}:" in
*":$SGE_ROOT/man:"*) ;;
*) MANPATH=$SGE_ROOT/man:${{MANPATH:-}} ;;
esac
export MANPATH
"""


def settings_csh(*, root: str, cell: str, arch: str) -> str:
    """Return `settings.csh` of a grid's root."""
    return f"""\
# Made by `gridcompat install`: what a grid's settings.csh gives to scripts that source it.
setenv SGE_ROOT {shlex.quote(root)}
setenv SGE_CELL {shlex.quote(cell)}
setenv SGE_CLUSTER_NAME gridcompat
unsetenv SGE_QMASTER_PORT
unsetenv SGE_EXECD_PORT
if ( ! $?PATH ) setenv PATH /usr/local/bin:/usr/bin:/bin
if ( ":${{PATH}}:" !~ "*:${{SGE_ROOT}}/bin/{arch}:*" ) setenv PATH "${{SGE_ROOT}}/bin/{arch}:${{PATH}}"
if ( ! $?MANPATH ) setenv MANPATH ""
if ( ":${{MANPATH}}:" !~ "*:${{SGE_ROOT}}/man:*" ) setenv MANPATH "${{SGE_ROOT}}/man:${{MANPATH}}"
"""


def arch_program(arch: str) -> str:
    """Return `util/arch`, which settings and installers of others ask for the architecture's name."""
    return f"#!/bin/sh\n# Made by `gridcompat install`.\necho {shlex.quote(arch)}\n"
