"""`somersault export RUN --labels`: the rows that the labeler itself exports, of runs that nobody works with."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from somersault.cli.__main__ import main
from somersault.domain.roles import Role
from somersault.runs import load_run
from somersault.runs.preference_log import read_log_rows
from somersault.v1 import labeler_pb2 as pb
from somersault.wire.preference_files import open_writer
from tests.somersault.cli.labels.runs import begin_run, fill, labeler_of


async def test_the_rows_are_those_that_the_labeler_exports(tmp_path: Path) -> None:
    """Byte for byte as JSON lines: revisions, weights, times and all; read while the labeler runs and when it doesn't."""
    path = tmp_path / "one"
    begin_run(path)
    await fill(path)
    stopped = read_log_rows(load_run(path))
    async with labeler_of(path) as labeler:
        request = pb.ExportPreferencesRequest(run_id="one", format=pb.EXPORT_FORMAT_JSONL)
        stream = labeler.as_role(Role.OWNER).ExportPreferences(request)
        exported = b"".join([response.part async for response in stream])
        running = read_log_rows(load_run(path))
    assert open_writer("jsonl").write(running) == exported
    assert running == stopped
    assert [row["cursor"] for row in stopped] == [1, 2, 3, 4, 5]


async def test_a_bundle_holds_what_is_stored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As a folder and as an archive: the rows, and each segment's own bytes once."""
    path = tmp_path / "one"
    begin_run(path)
    await fill(path)
    capsys.readouterr()
    for out in (tmp_path / "folder", tmp_path / "archive.tar"):
        assert main(["export", str(path), "--labels", str(out), "--with-segments", "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["rows"], told["answers"], told["labels"], told["segments"]) == (5, 3, 3, 6)
    with tarfile.open(tmp_path / "archive.tar") as archive:
        archived = {name: archive.extractfile(name).read() for name in archive.getnames()}  # type: ignore[union-attr]
    in_folder = {
        str(file.relative_to(tmp_path / "folder")): file.read_bytes()
        for file in (tmp_path / "folder").rglob("*")
        if file.is_file()
    }
    assert in_folder == archived
    assert in_folder["segments/a-first.safetensors"] == (path / "segments/a-first.safetensors").read_bytes()


async def test_what_cant_be_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Naming the option, and nothing is left behind."""
    path = tmp_path / "one"
    begin_run(path)
    assert main(["export", str(path), "--labels", str(tmp_path / "x.csv")]) != 0
    assert f"run {path} has no answers yet" in capsys.readouterr().err
    await fill(path, "a")
    monkeypatch.chdir(tmp_path)
    for options, told in (
        ("--labels x.xlsx", "--labels is 'x.xlsx', must be a name that ends in .jsonl, .ndjson"),
        ("--labels x", "--labels is 'x', must be a name that ends in .jsonl, .ndjson, .csv or .parquet"),
        ("--labels x.csv --with-segments", "the name of a new folder or one that ends in .tar"),
        ("--labels one --with-segments", "--labels one is a folder that is not empty; name another"),
        ("--labels x.csv --format xml", "--format is 'xml', must be one of jsonl, csv, parquet"),
        ("--labels - --format parquet", "jsonl or csv where labels go to standard output"),
        ("--labels /no/x.csv", "--labels /no/x.csv can't be written: No such file or directory"),
        ("--format csv", "--format, --with-segments and --force go with --labels FILE, which is missing"),
        ("--labels x.csv --out y", "leave out --out and --version"),
    ):
        assert main(["export", str(path), *options.split()]) != 0
        assert told in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["one"]
