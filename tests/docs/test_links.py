"""Holds the documents' links to what is there."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.docs.documents import DOCUMENTS, ROOT, code_spans, read, table_rows


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", DOCUMENTS, ids=_name)
def test_every_link_and_image_leads_somewhere(path: Path) -> None:
    """Relative links lead to files and headings of the project, others to https."""
    assert [link for link in read(path).links if not _leads_somewhere(path, link)] == []


def test_every_document_is_reached_from_the_readme() -> None:
    """A newcomer who follows links finds each page."""
    reached: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        path = waiting.pop()
        if path in reached or path.suffix != ".md":
            continue
        reached.add(path)
        links = (link.partition("#")[0] for link in read(path).links if not re.match(r"[a-z]+:", link))
        waiting += [(path.parent / unquote(link)).resolve() for link in links if link]
    assert {_name(path) for path in DOCUMENTS} - {_name(path) for path in reached} <= {"CHANGELOG.md"}


def test_every_decision_record_is_listed() -> None:
    """The index has each record once, in order."""
    folder = ROOT / "docs/adr"
    rows = table_rows(read(folder / "README.md"), heading="# Decision records")
    listed = [re.search(r"\(([^)]+)\)", row[0])[1] for row in rows]  # type: ignore[index]
    assert listed == sorted(path.name for path in folder.glob("[0-9]*.md"))


def test_every_module_of_the_architecture_page_is_there() -> None:
    """The table of behaviours names files that exist; a name without its whole path is beside the one before it."""
    named: list[Path] = []
    for _, cell in table_rows(read(ROOT / "docs/architecture.md"), heading="## Where each behaviour lives"):
        folder = ROOT
        for name in code_spans(cell):
            is_whole = name.startswith(("protos/", "services/", "somersault/"))
            folder = (ROOT / name).parent if is_whole else folder
            named.append((ROOT if is_whole else folder) / name)
    assert [_name(path) for path in named if not path.exists()] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=_name)
def test_paths_of_the_project_exist(path: Path) -> None:
    """What stands between backticks and looks like a file of ours is one."""
    ours = re.compile(r"(?:services|somersault|tests|protos|tools|requirements|docs|benchmarks)/[\w./-]+")
    named = (span for span in code_spans(read(path).prose) if ours.fullmatch(span) and "NNNN" not in span)
    assert [span for span in named if not (ROOT / span).exists()] == []


def test_a_newcomers_questions_are_answered_by_path() -> None:
    """Each row of CONTRIBUTING's table names a file or folder; the test above holds it to exist."""
    rows = table_rows(read(ROOT / "CONTRIBUTING.md"), heading="## Where is what")
    assert len(rows) >= 6
    assert [question for question, answer in rows if not code_spans(answer)] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=_name)
def test_no_path_of_somebodys_machine(path: Path) -> None:
    """Documents speak of no machine's own folders."""
    found = re.findall(r"(?<![\w.:/])/(?:root|tmp|home|work|Users|mnt|opt)\b\S*", read(path).text)
    assert found == []


def _leads_somewhere(path: Path, link: str) -> bool:
    if re.match(r"[a-z]+:", link):
        return link.startswith("https://")
    place, _, anchor = link.partition("#")
    target = (path.parent / unquote(place)).resolve() if place else path
    if not (target.is_relative_to(ROOT) and target.exists()):
        return False
    return not anchor or (target.suffix == ".md" and anchor in read(target).anchors)
