"""The documents make a site: pages are found, links lead somewhere, nothing is loaded from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGES = [ROOT / "README.md", ROOT / "MIGRATION.md", *sorted((ROOT / "docs").rglob("*.md"))]
LOADED = re.compile(r'<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)="(?:https?:)?//[^"]*"')
EXTERNAL = re.compile(r"\]\((https?:[^)]*)\)")


def build(source: Path, to: Path) -> subprocess.CompletedProcess[str]:
    """Build the site of a checkout; without proxies it has no way to a network here."""
    words = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--quiet"]
    words += ["--conf-dir", str(ROOT / "docs/site"), str(source), str(to)]
    environment = {"PATH": os.environ["PATH"], "HOME": str(to), "LANG": "C.UTF-8"}
    return subprocess.run(words, env=environment, capture_output=True, text=True, check=False)


def test_the_site_is_built_without_a_warning_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    done = build(ROOT, tmp_path / "site")
    assert done.returncode == 0, done.stderr
    for page in PAGES:
        built = tmp_path / "site" / page.relative_to(ROOT).with_suffix(".html")
        assert not LOADED.findall(built.read_text()), built
    assert "README.html" in (tmp_path / "site" / "index.html").read_text()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("# A\n\n[b](missing.md)\n", "missing"),
        ("# A\n\n[b](#nowhere)\n", "nowhere"),
    ],
    ids=["a page that is not there", "a heading that is not there"],
)
def test_a_dead_link_fails(text: str, fault: str, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "README.md").write_text(text)
    done = build(source, tmp_path / "site")
    assert done.returncode != 0 and fault in done.stderr


def test_links_to_other_sites_are_well_formed() -> None:
    for page in PAGES:
        for link in EXTERNAL.findall(page.read_text()):
            assert urlsplit(link).hostname and " " not in link, f"{page}: {link}"
