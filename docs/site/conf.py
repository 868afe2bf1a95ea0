"""Settings of Sphinx: README.md, MIGRATION.md and docs/ as a site, with no change to their Markdown.

    docs/site/build [DIRECTORY]

The pages are also read as they are, in the checkout and on code hosts.  So nothing of Sphinx stands in
them: the tree of pages is here.  A page that is not in it, a link that leads nowhere and a heading that
is not there are warnings, and `build` takes warnings for errors.  Nothing is loaded from anywhere when
the site is built or read.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

NAVIGATION = {
    "Start": ["docs/tutorial/first-job", "docs/how-to/install", "MIGRATION"],
    "For people with jobs": [
        "docs/how-to/check",
        "docs/how-to/crontabs",
        "docs/how-to/continuous-jobs",
        "docs/how-to/array-jobs",
        "docs/how-to/holds-and-dependencies",
        "docs/how-to/looking-at-jobs",
        "docs/how-to/memory",
        "docs/how-to/mail",
        "docs/how-to/workflow-managers",
        "docs/how-to/local-cluster",
    ],
    "For administrators": [
        "docs/how-to/site-settings",
        "docs/how-to/kubernetes",
        "docs/how-to/accounts",
        "docs/how-to/queues-and-images",
        "docs/how-to/metrics",
        "docs/how-to/upgrading",
        "docs/how-to/troubleshooting",
    ],
    "Reference": [
        "docs/reference/options",
        "docs/reference/settings",
        "docs/reference/states",
        "docs/reference/exit-status",
        "docs/reference/check",
        "docs/reference/json",
        "docs/reference/objects",
        "docs/reference/mapping",
    ],
    "Explanation": [
        "docs/explanation/differences",
        "docs/explanation/security",
        "docs/explanation/architecture",
        "docs/explanation/decisions",
    ],
    "About the project": ["docs/README", "docs/how-to/contributing", "docs/changelog"],
}
"""Heading -> pages below it, in their order on the left of the site."""

project = "gridcompat"
project_copyright = ""
root_doc = "README"
include_patterns = ["README.md", "MIGRATION.md", "docs/**.md"]
extensions = ["myst_parser"]
myst_heading_anchors = 4
# A page may begin at any level; languages of code are named for code hosts, which know others ("crontab").
suppress_warnings = ["myst.header", "misc.highlighting_failure"]
nitpicky = True
highlight_language = "none"
html_theme = "furo"
html_title = "gridcompat"
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
html_show_sphinx = False
html_theme_options = {"source_view_link": "", "source_edit_link": ""}


def setup(app: Sphinx) -> None:
    """Put the tree of pages below the front page, and the front page where a server looks for it."""
    app.connect("source-read", _with_navigation)
    app.connect("build-finished", _with_index)


def _with_navigation(_app: Sphinx, name: str, source: list[str]) -> None:
    """Add the tree of pages, unseen, to the front page."""
    if name == root_doc:
        for heading, pages in NAVIGATION.items():
            lines = "\n".join(pages)
            source[0] += f"\n```{{toctree}}\n:hidden:\n:caption: {heading}\n\n{lines}\n```\n"


def _with_index(app: Sphinx, error: Exception | None) -> None:
    """Lead from index.html to the front page."""
    if error is None and app.builder.format == "html":
        lead = f'<meta http-equiv="refresh" content="0; url={root_doc}.html">\n'
        (Path(app.outdir) / "index.html").write_text(f"<!doctype html><title>{html_title}</title>{lead}")
