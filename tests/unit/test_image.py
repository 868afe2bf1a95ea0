"""The two recipes of the image, the Containerfile and the script that needs no Docker, make the same."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
IMAGE = ROOT / "tests" / "cluster" / "image"
RECIPE = (IMAGE / "Containerfile").read_text()
SCRIPT = (IMAGE / "build").read_text()


def instructions() -> list[tuple[str, str]]:
    """(instruction, rest), with lines continued."""
    text = re.sub(r"\\\n\s*", " ", RECIPE)
    found = [line.partition(" ") for line in text.splitlines() if line and not line.startswith("#")]
    return [(word, rest.strip()) for word, _, rest in found]


def runs() -> str:
    return "\n".join(rest for word, rest in instructions() if word == "RUN")


def test_both_install_the_same_packages() -> None:
    words = shlex.split(runs().partition("apt-get install")[2].partition("&&")[0])
    recipe = [word for word in words if not word.startswith("-")]
    match = re.search(r"^packages=(.*)$", SCRIPT, re.MULTILINE)
    assert match
    assert recipe == match[1].split(",")


def test_both_are_the_same_release_of_debian() -> None:
    (base,) = [rest for word, rest in instructions() if word == "FROM"]
    assert base.rpartition(":")[2].removesuffix("-slim") in SCRIPT
    assert "${SUITE:-bookworm}" in SCRIPT
    assert base == "docker.io/library/debian:bookworm-slim"


def test_both_copy_the_same_to_the_same_place() -> None:
    copied = {tuple(rest.split()) for word, rest in instructions() if word == "COPY"}
    assert copied == {("gridcompat", "/opt/gridcompat/gridcompat"), ("bin", "/opt/gridcompat/bin")}
    assert 'cp -r "$checkout/gridcompat" "$checkout/bin" "$root/opt/gridcompat/"' in SCRIPT


def test_both_link_the_commands_at_the_same_places_and_compile() -> None:
    for folder in ("usr/bin", "usr/sbin/lx-amd64"):
        assert f'ln -s "$stub" /{folder}/' in runs()
        assert f'"$root/{folder}/$name"' in SCRIPT
    for text in (runs(), SCRIPT):
        assert "python3 -m compileall -q /opt/gridcompat/gridcompat" in text
        assert "mkdir -p" in text


def test_the_image_runs_as_nobody_special_and_its_packages_serve_the_command() -> None:
    assert ("USER", "10001:10001") in instructions()
    needed = {"click": "python3-click", "yaml": "python3-yaml"}
    for package in needed.values():
        assert package in runs()
