"""The documents and the API reference as a site: `make docs` builds it into build/site, and any warning is an error.

The source is the whole repository, of which Sphinx reads README.md, the other pages at its root and docs/, as they lie: so
their links are those that work in any reader of Markdown. Only the reference, in this folder, is written for Sphinx.
"""

from __future__ import annotations

import re
import shutil
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from sphinx.application import Sphinx
from sphinx.errors import SphinxError

_ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(_ROOT))

project = "Somersault"
author = copyright = "the Somersault contributors"  # noqa: A001 - the name that Sphinx reads
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "README"
include_patterns = ["*.md", "docs/*.md", "docs/adr/*.md", "docs/site/*.rst", "examples/*/*.md"]
exclude_patterns = ["build", "node_modules", "runs", ".*"]
html_theme = "furo"
html_title = "Somersault"
html_copy_source = False

myst_heading_anchors = 6
napoleon_google_docstring = True
napoleon_numpy_docstring = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
default_role = "code"  # docstrings put names of the code into single backticks

_CONTENTS = {
    "Use it": ["labeling", "tasks", "teachers", "clips", "runs", "python", "results", "reference-run"],
    "Run it": ["operations", "metrics", "guarantees", "faults", "scaling"],
    "Build on it": [
        "labeler-api",
        "protocol",
        "webhooks",
        "site/reference",
        "../examples/browser_front_end/README",
    ],
    "Change it": [
        "../CONTRIBUTING",
        "architecture",
        "glossary",
        "adr/README",
        "releasing",
        "../SECURITY",
        "../CHANGELOG",
    ],
}


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", _prepare)
    app.connect("build-finished", _finish)


def _prepare(app: Sphinx, name: str, source: list[str]) -> None:
    """Give the first page the site's contents and the decisions' page theirs, and unlink folders, which no page shows."""
    folder = Path(app.env.doc2path(name)).parent
    source[0] = re.sub(r"\[([^\]]*)\]\(([^)#:]+)\)", lambda link: _unlinked(folder, link), source[0])
    if name == "README":
        source[0] += "".join(
            _toctree(caption, [f"docs/{page}" if page[0] != "." else page[3:] for page in pages])
            for caption, pages in _CONTENTS.items()
        )
    elif name == "docs/adr/README":
        records = sorted(path.stem for path in (_ROOT / "docs/adr").glob("[0-9]*.md"))
        source[0] += _toctree("Decision records", records)


def _unlinked(folder: Path, link: re.Match[str]) -> str:
    return link[1] if (folder / link[2]).is_dir() else link[0]


def _toctree(caption: str, pages: list[str]) -> str:
    return "\n".join(["\n```{toctree}", ":hidden:", f":caption: {caption}", "", *pages, "```\n"])


def _finish(app: Sphinx, error: Exception | None) -> None:
    """Add what Sphinx doesn't see, the pictures in HTML within Markdown, and look at each link of each page."""
    if error is not None:
        return
    site = Path(app.outdir)
    shutil.copytree(_ROOT / "docs/images", site / "docs/images", dirs_exist_ok=True)
    (site / "index.html").write_text(
        '<!doctype html><meta http-equiv="refresh" content="0; url=README.html">\n'
    )
    broken = [f"{page.relative_to(site)}: {link}" for page in site.rglob("*.html") for link in _broken(page)]
    if broken:
        raise SphinxError("broken links:\n" + "\n".join(broken))


def _broken(page: Path) -> list[str]:
    found = _Links()
    found.feed(page.read_text(encoding="utf-8"))
    return [link for link in found.links if not _leads_somewhere(page, link)]


def _leads_somewhere(page: Path, link: str) -> bool:
    path = unquote(re.split("[?#]", link)[0])
    return not path or re.match("[a-z]+:", path) is not None or (page.parent / path).exists()


class _Links(HTMLParser):
    """Where a page's links, pictures and scripts lead."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, Any]]) -> None:
        self.links += [value for name, value in attrs if name in {"href", "src", "srcset"} and value]
