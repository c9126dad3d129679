"""`somersault train --labels-from`: what a new run is given, and what is refused before its folder is made."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from somersault.cli.labels.file_export import export_labels
from somersault.cli.labels.file_import import import_labels
from somersault.cli.run.config import RunConfig
from somersault.cli.run.folder import RunFolder
from somersault.cli.run.ownership import mark_started
from somersault.cli.services.processes import plan_processes
from somersault.cli.start import train_options
from somersault.cli.start.budgets import check_budget
from somersault.cli.start.train_options import TrainOptions, begin_run, check_options
from somersault.errors import ConfigError, FailedPreconditionError, InvalidInputError, SomersaultError
from somersault.runs import load_run
from somersault.runs.preference_log import read_log_rows
from somersault.tasks import get_task
from tests.somersault.cli.labels import runs
from tests.somersault.cli.labels.runs import TASK, fill, store_of


@pytest.fixture(autouse=True)
def without_a_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the trial of the environment and its drawing, which takes seconds and is tested by itself."""
    monkeypatch.setattr(train_options, "check_run", lambda *_: None)


@pytest.fixture
async def earlier(tmp_path: Path) -> Path:
    """A run with three labels."""
    runs.begin_run(tmp_path / "earlier")
    await fill(tmp_path / "earlier")
    return tmp_path / "earlier"


def begin(path: Path, *labels_from: Path, **changes: object) -> RunConfig:
    values: dict[str, object] = {"task": TASK, "teacher": "oracle"} | changes
    options = TrainOptions(run_dir=path, labels_from=labels_from, **values)  # type: ignore[arg-type]
    check_options(options)
    with RunFolder(path) as folder:
        return begin_run(options, folder)


def test_a_run_begins_with_the_segments_and_without_the_other_run(tmp_path: Path, earlier: Path) -> None:
    """They are in its own store, its labels count them, and its reward service is told how many they are."""
    for number, (labels, budget) in enumerate(((None, 24), (3, 3), (7, 7))):
        path = tmp_path / f"new-{number}"
        config = begin(path, earlier, labels=labels)
        usual = max(3, get_task(TASK).defaults.labels_by_teacher)
        assert (config.num_given_labels, config.label_budget) == (3, usual if labels is None else budget)
        assert RunFolder(path).read_config() == config
    assert len(list(store_of(path).list("new-2/segments/"))) == 6
    with RunFolder(path) as folder:
        plan = plan_processes(config, folder, ports={"reward": 1, "labeler": 2, "learner": 3})
        (reward,) = (process for process in plan if process.name == "reward")
    at = reward.arguments.index("--num-given-labels")
    assert reward.arguments[at + 1] == "3"


def test_what_cant_be_is_refused_before_the_folder_is_made(tmp_path: Path, earlier: Path) -> None:
    """Another task, spaces or length, a budget below what is given, nothing to give, and options that contradict."""
    new, other = tmp_path / "new", tmp_path / "other"
    export_labels(load_run(earlier), other, file_format=None, has_segments=True)
    (other / "segments/b-first.safetensors").write_bytes(runs.segment_object("b-first", num_steps=9))
    runs.begin_run(tmp_path / "empty")
    refused: list[tuple[type[SomersaultError], str, tuple[Path, ...], dict[str, object]]] = [
        (
            InvalidInputError,
            "--labels is 2, must be at least 3: the labels of --labels-from count",
            (earlier,),
            {"labels": 2},
        ),
        (InvalidInputError, "segment steps is 9, must be 38", (other,), {}),
        (
            InvalidInputError,
            "task is pendulum, must be hopper-backflip",
            (earlier,),
            {"task": "hopper-backflip"},
        ),
        (InvalidInputError, "number of rows is 0, must be at least 1", (tmp_path / "empty",), {}),
        (SomersaultError, "no run in", (tmp_path / "nowhere",), {}),
        (ConfigError, "--true-reward learns from none", (earlier,), {"is_reference": True, "teacher": None}),
        (ConfigError, "brings more into one that has begun", (earlier,), {"is_resumed": True}),
    ]
    for kind, told, labels_from, changes in refused:
        with pytest.raises(kind) as caught:
            begin(new, *labels_from, **changes)
        assert told in str(caught.value)
        assert not new.exists()


def test_two_runs_whose_answers_contradict_are_refused_before_the_folder_is_made(
    tmp_path: Path, earlier: Path
) -> None:
    """With both places and the field; that each run weighs an answer in its own way is no contradiction."""
    new, other = tmp_path / "new", tmp_path / "other"
    export_labels(load_run(earlier), other, file_format=None, has_segments=True)
    rows = [json.loads(line) for line in (other / "labels.jsonl").read_text().splitlines()]
    at = next(i for i, row in enumerate(rows) if row["kind"] == "preference")
    own = {"run_id": "other", "weight": 0.25, "answer_number": 2}
    for changes, told in (
        (
            own | {"preference": "equal"},
            f"preference of answer {rows[at]['answer_id']!r}, version 1 is 'equal'",
        ),
        (own | {"query_id": "another"}, "is 'another'"),
    ):
        changed = [row | changes if i == at else row | {"run_id": "other"} for i, row in enumerate(rows)]
        (other / "labels.jsonl").write_text("".join(json.dumps(row) + "\n" for row in changed))
        with pytest.raises(InvalidInputError) as caught:
            begin(new, earlier, other)
        assert told in str(caught.value)
        assert f"{other}/labels.jsonl, line {at + 1}" in str(
            caught.value
        ) or f"{other}, line {at + 1}" in str(caught.value)
        assert f", as {earlier}, row {rows[at]['cursor']}, says" in str(caught.value)
        assert not new.exists()
    changed = [row | own if i == at else row | {"run_id": "other"} for i, row in enumerate(rows)]
    (other / "labels.jsonl").write_text("".join(json.dumps(row) + "\n" for row in changed))
    assert begin(new, earlier, other).num_given_labels == 3


def test_a_beginning_that_was_cut_off_is_made_anew(tmp_path: Path, earlier: Path) -> None:
    """Segments and answers that lie there without settings are no run's."""
    new = tmp_path / "new"
    begin(new, earlier)
    (new / "config.json").unlink()
    assert begin(new, earlier).num_given_labels == 3
    with pytest.raises(FailedPreconditionError, match="is not empty"):
        begin(new, earlier)


def test_where_nothing_is_left_to_ask_a_few_steps_will_do(tmp_path: Path, earlier: Path) -> None:
    """One rollout; the first question needs more, and none will come."""
    config = dataclasses.replace(begin(tmp_path / "new", earlier, labels=3), total_env_steps=20_000)
    check_budget(config, get_task(TASK))
    with pytest.raises(InvalidInputError, match="the first question needs"):
        check_budget(dataclasses.replace(config, label_budget=4, total_env_steps=5_000), get_task(TASK))


async def test_several_runs_and_a_bundle_come_together_in_the_runs_own_labeler(
    tmp_path: Path, earlier: Path
) -> None:
    """Each answer once though two sources have it; what was given goes in before what is imported; the others may go."""
    runs.begin_run(tmp_path / "second")
    await fill(tmp_path / "second", "d", "e")
    for name in ("earlier", "second"):
        export_labels(
            load_run(tmp_path / name), tmp_path / f"{name}.tar", file_format=None, has_segments=True
        )
    new = tmp_path / "new"
    config = await asyncio.to_thread(begin, new, earlier, tmp_path / "earlier.tar")
    with RunFolder(new) as folder:
        folder.resume()
        mark_started(config, folder, store=runs.store_of(new), is_adopted=False)
    shutil.rmtree(earlier)
    bundle = tmp_path / "second.tar"
    done = await asyncio.to_thread(import_labels, new, bundle, file_format=None, is_dry=False)
    assert (done["new"], done["segments"]) == (4, 4)
    rows = read_log_rows(load_run(new))
    answers = [(row["answer_id"], row["version"]) for row in rows if row["kind"] == "preference"]
    first = sorted(f"answer-{name}" for name in "abc")
    assert sorted(name for name, version in answers[:3] if version == 1) == first
    assert len(answers) == 4 + 3
    assert not RunFolder(new).given_labels.exists()
