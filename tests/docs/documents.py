"""Reads the project's documents: their text, links, headings, tables and commands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["DOCUMENTS", "ROOT", "Document", "code_spans", "read", "table_rows"]

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)|(?:src|href|srcset)=\"([^\"]+)\"")
_SPAN = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True, slots=True)
class Document:
    """One Markdown file, less its comments."""

    path: Path
    text: str

    @property
    def prose(self) -> str:
        """The text less its fenced blocks."""
        return _FENCE.sub("", self.text)

    def fenced(self, language: str) -> Iterator[str]:
        """Yield the lines of the fenced blocks of a language, less empty ones and remarks."""
        for found, block in _FENCE.findall(self.text):
            if found == language:
                yield from (line for line in block.splitlines() if line.strip() and not line.startswith("#"))

    @property
    def languages(self) -> set[str]:
        """The languages its fenced blocks name."""
        return {language for language, _ in _FENCE.findall(self.text)}

    @property
    def links(self) -> list[str]:
        """Where its links and images lead."""
        return [one or other for one, other in _LINK.findall(self.prose)]

    @property
    def anchors(self) -> set[str]:
        """The names by which its headings can be linked to, made as GitHub makes them."""
        return {_anchor(heading) for heading in _HEADING.findall(self.prose)}


@cache
def read(path: Path) -> Document:
    """Read a document."""
    return Document(path, _COMMENT.sub("", path.read_text(encoding="utf-8")))


def table_rows(document: Document, *, heading: str) -> list[list[str]]:
    """Return the cells of each row of the first table below a heading, without its head."""
    _, _, below = f"\n{document.text}".partition(f"\n{heading}\n")
    assert below, f"{document.path} has no heading {heading!r}"
    table = re.search(r"(?:^\|.*\n?)+", below, re.MULTILINE)
    assert table, f"{document.path} has no table below {heading!r}"
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table[0].splitlines()]
    return rows[2:]


def code_spans(text: str) -> list[str]:
    """Return what stands between backticks."""
    return _SPAN.findall(text)


def _anchor(heading: str) -> str:
    plain = re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower())
    return plain.strip().replace(" ", "-")
