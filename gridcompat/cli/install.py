"""`gridcompat install`: the commands where old crontabs and scripts expect them, and away again.

The package is copied beside the commands and compiled, so that neither a moved checkout nor a removed
virtual environment takes the commands away. `packaging.tree` does it; here is what goes where.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig

import click

from gridcompat.cli._printed import load_settings
from gridcompat.packaging import GRIDCOMPAT, PACKAGE, commands, shells, stubs
from gridcompat.packaging.tree import File, Manifest, NotDone, Tree, read_manifest


@click.command(short_help="Put the commands into DIR/bin, or take them away.")
@click.option("--prefix", help="Commands go into PREFIX/bin (default: /usr, unless --sge-root is given).")
@click.option(
    "--sge-root", help="Also make this a grid's root: bin/ARCH, util/arch, CELL/common/settings.sh."
)
@click.option("--only", help="These commands only, separated by commas.")
@click.option("--uninstall", is_flag=True, help="Take away what was installed there.")
@click.option("--dry-run", is_flag=True, help="Say what would be done.")
@click.option("--link", is_flag=True, help="Use the package where it is instead of a copy.")
@click.option("--python", help="Interpreter of the commands, an absolute path.")
@click.option("--lib", help="Where the copy of the package goes (default: PREFIX/lib/gridcompat).")
@click.option("--packages", help="Where the commands look for other packages (default: this one's).")
@click.option("--destdir", default="", envvar="DESTDIR", help="Staging directory, for packagers.")
@click.option("--compile/--no-compile", "compiled", default=True, help="Compile the package to bytecode.")
def install(
    prefix: str | None, sge_root: str | None, only: str | None, uninstall: bool, **how: str | bool | None
) -> None:
    """Put the commands, their manual pages and the package where old crontabs and scripts expect them.

    Nothing is overwritten or removed that was not put there by this command. Everything is checked before
    anything is done.
    """
    prefix = prefix or (None if sge_root else "/usr")
    places = {
        "prefix": prefix,
        "sge_root": sge_root,
        "lib": _text(how["lib"]),
        "python": _text(how["python"]),
        "packages": _text(how["packages"]),
    }
    destdir = (_text(how["destdir"]) or "").rstrip("/")
    try:
        for name, value in places.items():
            if value is not None:
                places[name] = _absolute(f"--{name.replace('_', '-')}", value)
        if destdir:
            destdir = _absolute("--destdir", destdir)
        lib = places["lib"] or f"{places['prefix'] or places['sge_root']}/lib/gridcompat"
        chosen = _chosen(only)
        known = read_manifest(f"{destdir}{lib}/installed.json")
        tree = Tree(destdir, f"{lib}/installed.json", known)
        if uninstall:
            lines = _uninstall(
                tree, known, lib, None if only is None else chosen, dry_run=bool(how["dry_run"])
            )
        else:
            lines = _install(tree, known, lib, chosen, places, destdir=destdir, how=how)
    except NotDone as fault:
        for line in fault.message.splitlines():
            click.echo(f"gridcompat: {line}", err=True)
        raise SystemExit(1) from fault
    for line in lines:
        click.echo(line)


def _text(value: str | bool | None) -> str | None:
    return value if isinstance(value, str) else None


def _absolute(name: str, path: str) -> str:
    if not path or any(letter in path for letter in "\0\n") or path.strip("/") == "":
        raise NotDone(f"{name}: {path!r} is not a directory or file to install into")
    return os.path.abspath(path)


def _chosen(only: str | None) -> tuple[str, ...]:
    every = commands()
    if only is None:
        return every
    names = tuple(name for name in only.split(",") if name)
    wrong = [name for name in names if name not in every]
    if wrong or not names:
        raise NotDone(f"--only: {', '.join(wrong) or 'nothing'}: no such command\n{', '.join(every)}")
    return names


def _install(
    tree: Tree,
    known: Manifest | None,
    lib: str,
    chosen: tuple[str, ...],
    places: dict[str, str | None],
    *,
    destdir: str,
    how: dict[str, str | bool | None],
) -> list[str]:
    """Bring everything up to what is asked for now and what was asked for before."""
    before = known.facts if known else {}
    old = [command for _, command in known.files.values() if command] if known else []
    chosen = tuple(name for name in commands() if name in {*chosen, *old})
    for place in ("prefix", "sge_root"):
        if before.get(place, places[place] or "") not in ("", places[place] or before.get(place)):
            raise NotDone(f"{lib}: belongs to {place} {before[place]}; take that away first")
        places[place] = places[place] or before.get(place) or None
    python = places["python"] or interpreter()
    link = bool(how["link"])
    root = os.path.dirname(PACKAGE) if link else lib
    wanted = {} if link else package_files(lib)
    wanted |= command_files(chosen, places, python=python, root=root)
    write = tree.to_write(wanted)
    stale = [path for path in (known.files if known else {}) if path not in wanted]
    remove, kept = tree.to_remove(stale)
    if kept:
        raise NotDone("\n".join(kept))
    tree.check_manifest_place()
    if how["dry_run"]:
        return [f"would write {tree.at(path)}" for path in write] + [
            f"would remove {tree.at(path)}" for path in remove
        ]
    facts = {"prefix": places["prefix"] or "", "sge_root": places["sge_root"] or "", "python": python}
    if write or remove or known is None or known.facts != facts:
        tree.apply(wanted, write, remove, facts)
    if how["compiled"]:
        _compile(python, destdir if not link else "", root)
    _warn_unreachable(python, root, destdir)
    if not write and not remove:
        return ["nothing to change"]
    where = " and ".join(path for path in (places["prefix"], places["sge_root"]) if path)
    return [f"installed {len(chosen)} commands into {where}; the package is {root}/gridcompat"]


def _uninstall(
    tree: Tree, known: Manifest | None, lib: str, only: tuple[str, ...] | None, *, dry_run: bool
) -> list[str]:
    """Take away what was installed, or of some commands only; the rest goes with the last command."""
    if known is None:
        raise NotDone(f"{tree.at(lib)}: nothing is installed there")
    left = {command for _, command in known.files.values() if command}
    left -= left if only is None else set(only)
    paths = [
        path for path, (_, command) in known.files.items() if command not in left and (command or not left)
    ]
    remove, kept = tree.to_remove(paths)
    if dry_run:
        return [f"would remove {tree.at(path)}" for path in remove] + kept
    # What was changed belongs to whoever changed it, and is not looked at again.
    tree.apply({}, [], remove, known.facts, forget=paths)
    if kept:
        raise NotDone("\n".join([*kept, f"removed {len(remove)} files"]))
    return [f"removed {len(remove)} files"]


# -- what goes where ------------------------------------------------------------------------------


def package_files(lib: str) -> dict[str, File]:
    """Return the files of the package by the path that they get below `lib`."""
    found = {}
    for folder, folders, names in os.walk(PACKAGE):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted(names):
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                content = file.read()
            mode = 0o755 if os.stat(path).st_mode & 0o100 else 0o644
            found[f"{lib}/gridcompat/{os.path.relpath(path, PACKAGE)}"] = File(content, mode)
    return found


def command_files(
    chosen: tuple[str, ...], places: dict[str, str | None], *, python: str, root: str
) -> dict[str, File]:
    """Return stubs, manual pages and what scripts source, by path."""
    from gridcompat.cli.man import page

    settings = load_settings()
    packages = places["packages"] or sysconfig.get_path("purelib")
    found: dict[str, File] = {}
    prefix, sge_root = places["prefix"], places["sge_root"]
    for name in chosen:
        stub = File(stubs.command(name, python=python, root=root, packages=packages).encode(), 0o755, name)
        manual = File(page(name).encode(), 0o644, name)
        if prefix:
            found[f"{prefix}/bin/{name}"] = stub
            found[f"{prefix}/share/man/man1/{name}.1"] = manual
            for shell, place in shells.PLACES.items():
                script = shells.script(shell, f"{prefix}/bin/{GRIDCOMPAT}").encode()
                path = f"{prefix}/{place.format(name=name)}"
                # Complete only what has the program that knows the words.
                if GRIDCOMPAT in chosen:
                    found[path] = File(script, 0o644, name if "{name}" in place else GRIDCOMPAT)
        if sge_root and name != GRIDCOMPAT:
            found[f"{sge_root}/bin/{settings.arch}/{name}"] = stub
            found[f"{sge_root}/man/man1/{name}.1"] = manual
    if sge_root:
        words = {"root": sge_root, "cell": settings.sge_cell, "arch": settings.arch}
        common = f"{sge_root}/{settings.sge_cell}/common"
        found[f"{common}/settings.sh"] = File(stubs.settings_sh(**words).encode(), 0o644)
        found[f"{common}/settings.csh"] = File(stubs.settings_csh(**words).encode(), 0o644)
        found[f"{sge_root}/util/arch"] = File(stubs.arch_program(settings.arch).encode(), 0o755)
    return found


def interpreter() -> str:
    """Return the interpreter for commands: not that of a virtual environment, which may go.

    The name without a version is taken if it is the same program: it survives an upgrade of the system.
    Others must be able to run it if root installs.
    """
    base = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
    plain = os.path.join(os.path.dirname(base), "python3")
    if os.path.exists(plain) and os.path.realpath(plain) == base:
        base = plain
    if os.getuid() == 0 and not reachable(base):
        for other in ("/usr/bin/python3", "/usr/local/bin/python3"):
            test = [other, "-IS", "-c", "import sys, sqlite3; sys.exit(sys.version_info < (3, 11))"]
            if (
                os.path.exists(other)
                and subprocess.run(test, capture_output=True, check=False).returncode == 0
            ):
                return other
    return base


def reachable(path: str) -> bool:
    """Return whether other users can come to a path."""
    path = os.path.realpath(path)
    while path != "/":
        try:
            mode = os.stat(path).st_mode
        except OSError:
            return False
        if not mode & (0o001 if os.path.isdir(path) else 0o004):
            return False
        path = os.path.dirname(path)
    return True


def _warn_unreachable(python: str, root: str, destdir: str) -> None:
    if os.getuid() != 0 or destdir:
        return
    for path in (python, root):
        if not reachable(path):
            click.echo(f"gridcompat: other users cannot reach {path}", err=True)


def _compile(python: str, destdir: str, root: str) -> None:
    """Compile what has no bytecode yet.

    A copy is compiled so that its dates do not matter: packagers and backups change them, and nobody who
    runs a command may write there.
    """
    place = f"{destdir}{root}/gridcompat"
    copied = root != os.path.dirname(PACKAGE)
    if copied and _all_compiled(python, place):
        return
    mode = "unchecked-hash" if copied else "timestamp"
    words = [python, "-IS", "-m", "compileall", "-q", "--invalidation-mode", mode]
    words += ["-s", destdir, "-p", "/"] if destdir else []
    done = subprocess.run([*words, place], capture_output=True, text=True, check=False, umask=0o022)
    if done.returncode != 0:
        click.echo(f"gridcompat: {place}: could not be compiled; commands start more slowly", err=True)


def _all_compiled(python: str, place: str) -> bool:
    ask = [python, "-IS", "-c", "import sys; print(sys.implementation.cache_tag)"]
    tag = subprocess.run(ask, capture_output=True, text=True, check=False).stdout.strip()
    return all(
        os.path.exists(f"{folder}/__pycache__/{name[:-3]}.{tag}.pyc")
        for folder, _, names in os.walk(place)
        for name in names
        if name.endswith(".py")
    )
