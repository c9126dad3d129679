"""Curves on disk: rows for programs, and what TensorBoard shows."""

from __future__ import annotations

import errno
import io
import json
import os
from importlib import resources
from pathlib import Path

import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import (
    STORE_EVERYTHING_SIZE_GUIDANCE,
    EventAccumulator,
)
from tensorboard.plugins.hparams import metadata

from somersault.cli.curves import open_curves
from somersault.cli.curves.gif import encode_gif
from somersault.cli.curves.progress_log import ProgressLog
from somersault.cli.curves.sink import make_point
from somersault.cli.run.folder import RunFolder
from somersault.errors import UnavailableError
from tests.somersault.cli.conftest import make_config
from tests.somersault.cli.monitoring.test_progress import make_progress

_CLIP = resources.files("somersault.compliance") / "clips" / "0.mp4"
_SUMMARY = {"env_steps": 200, "true_return_mean": 7.5, "flips_per_episode": None, "labels": 9, "wall_s": 3.0}


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """The folder of a run that is about to begin."""
    (tmp_path / "run").mkdir()
    return RunFolder(tmp_path / "run")


def write(folder: RunFolder, *steps: int, **changes: object) -> None:
    """One life of a run that writes a point at each of these steps."""
    with open_curves(make_config(folder), folder, say=pytest.fail) as curves:
        for env_steps in steps:
            progress = make_progress(env_steps=env_steps, **changes)
            curves.write(progress, wall_s=1.5, num_restarts=2)


def events_of(folder: RunFolder) -> EventAccumulator:
    """What TensorBoard reads."""
    events = EventAccumulator(str(folder.curves), size_guidance=STORE_EVERYTHING_SIZE_GUIDANCE)
    events.Reload()
    return events


def rows_of(folder: RunFolder) -> list[dict]:
    """The rows for programs."""
    return [json.loads(line) for line in folder.progress.read_text().splitlines()]


def test_tensorboard_reads_the_curves(folder: RunFolder) -> None:
    """Every curve is there under its tag, by environment steps; the losses too."""
    write(folder, 100, 200, training_loss=0.4)
    events = events_of(folder)
    returns = events.Scalars("episode/true_return_mean")
    assert [event.step for event in returns] == [100, 200]
    assert abs(returns[0].value - 1234.4) < 1e-3
    assert {"learner/policy_loss", "reward/training_loss"} < set(events.Tags()["scalars"])


def test_progress_is_one_object_a_line(folder: RunFolder) -> None:
    """Each row says when, how far and how well."""
    write(folder, 100)
    (row,) = rows_of(folder)
    assert row["wall_s"] == 1.5
    assert row["restarts"] == 2
    assert row["run/env_steps"] == 100
    assert row["reward/preference_accuracy"] == 0.8


def test_curve_of_labels_does_not_run_back_to_none(folder: RunFolder) -> None:
    """After a resume the labeler has not said yet how many there are."""
    write(folder, 100, num_labels=0, has_labels=False)
    assert "run/labels" not in rows_of(folder)[0]


def test_curve_without_a_value_has_no_point(folder: RunFolder) -> None:
    """Nothing known is not zero."""
    write(folder, 100, preference_accuracy=None, training_loss=None)
    assert not {"reward/preference_accuracy", "reward/training_loss"} & rows_of(folder)[0].keys()


def test_second_life_goes_on_in_the_same_file(folder: RunFolder) -> None:
    """Rows are appended, and one that was cut off spoils only itself."""
    write(folder, 100)
    with folder.progress.open("a") as file:
        file.write('{"wall')
    write(folder, 200)
    lines = folder.progress.read_text().splitlines()
    assert [lines[1], json.loads(lines[2])["run/env_steps"]] == ['{"wall', 200]


def test_curves_of_a_resumed_run_never_run_back(folder: RunFolder) -> None:
    """Until the learner is heard nothing is drawn; what came after the checkpoint that it restores is forgotten."""
    write(folder, 100, 200, 300)
    write(folder, 0, 0, 150, 250)
    assert [row["run/env_steps"] for row in rows_of(folder)] == [100, 150, 250]
    labels = events_of(folder).Scalars("run/labels")
    assert [event.step for event in labels] == [100, 150, 250]


def test_curves_of_a_learner_that_was_killed_never_run_back(folder: RunFolder) -> None:
    """It goes on from a checkpoint within one life of the run."""
    write(folder, 100, 200, 150, 160)
    assert [row["run/env_steps"] for row in rows_of(folder)] == [100, 150, 160]
    assert [event.step for event in events_of(folder).Scalars("run/labels")] == [100, 150, 160]


def test_a_run_that_waits_at_its_beginning_has_points(folder: RunFolder) -> None:
    """Step 0 is a step of a run that nothing has been learned in."""
    write(folder, 0, 0)
    write(folder, 0, 64)
    assert [row["run/env_steps"] for row in rows_of(folder)] == [0, 0, 0, 64]


def _conclude(folder: RunFolder) -> None:
    folder.video.write_bytes(_CLIP.read_bytes())
    with open_curves(make_config(folder), folder, say=pytest.fail) as curves:
        curves.write(make_progress(env_steps=200), wall_s=3.0, num_restarts=0)
        curves.conclude(_SUMMARY, video=folder.video)


def test_tensorboard_compares_runs_by_their_settings(folder: RunFolder) -> None:
    """The HPARAMS tab finds settings, what to compare by, and that the run ended well."""
    _conclude(folder)
    events = events_of(folder)
    content = events.PluginTagToContent("hparams")
    begun = metadata.parse_session_start_info_plugin_data(content[metadata.SESSION_START_INFO_TAG])
    experiment = metadata.parse_experiment_plugin_data(content[metadata.EXPERIMENT_TAG])
    assert begun.hparams["task"].string_value == "hopper-backflip"
    assert begun.hparams["label_budget"].number_value == 9
    assert {info.name for info in experiment.hparam_infos} == set(begun.hparams)
    compared = {info.name.tag for info in experiment.metric_infos}
    results = {tag for tag in events.Tags()["scalars"] if tag.startswith("final/")}
    assert "final/true_return_mean" in compared & results
    assert events.Scalars("final/true_return_mean")[0].value == 7.5
    assert metadata.SESSION_END_INFO_TAG in content


def test_tensorboard_shows_what_people_are_asked(folder: RunFolder) -> None:
    """The question and the first guidelines, once however often the run is resumed."""
    write(folder, 100)
    write(folder, 200)
    events = events_of(folder)
    for name, words in (("question", "Which"), ("guidelines", "hopper")):
        (text,) = events.Tensors(name)
        assert words in text.tensor_proto.string_val[0].decode()


def test_tensorboard_shows_the_final_video(folder: RunFolder) -> None:
    """As an image that moves."""
    _conclude(folder)
    (image,) = events_of(folder).Images("policy/final")
    assert image.step == 200
    assert Image.open(io.BytesIO(image.encoded_image_string)).is_animated


def test_a_video_that_cannot_be_shown_is_said(folder: RunFolder) -> None:
    """What else came of the run is kept."""
    folder.video.write_bytes(b"no video")
    said: list[str] = []
    with open_curves(make_config(folder), folder, say=said.append) as curves:
        curves.conclude(_SUMMARY, video=folder.video)
    (sentence,) = said
    assert sentence.startswith(
        "policy/final could not be added to the curves: a clip of 8 bytes can't be read as a video"
    )
    assert events_of(folder).Scalars("final/true_return_mean")[0].value == 7.5


def test_a_gif_shows_the_clip_and_stays_small() -> None:
    """At its speed, within 200 pixels and 300 kB."""
    gif, width, height = encode_gif(_CLIP.read_bytes())
    picture = Image.open(io.BytesIO(gif))
    assert picture.size == (width, height)
    assert max(width, height) <= 200
    assert picture.n_frames * picture.info["duration"] == pytest.approx(1500, rel=0.15)
    assert len(gif) < 300_000


def test_a_full_disk_is_named_by_the_file_that_can_not_be_written(folder: RunFolder) -> None:
    """The run's own rows must be: without them a resume would know nothing of its time."""
    folder.progress.symlink_to("/dev/full")
    log = ProgressLog(folder.progress)
    for act in (lambda: log.write(make_point(make_progress(), wall_s=1.0, num_restarts=0)), log.close):
        with pytest.raises(
            UnavailableError, match=r"progress.jsonl can't be written \(No space left on device\)"
        ):
            act()


def test_tensorboard_that_fails_is_said_once_and_ends_no_run(folder: RunFolder) -> None:
    """As a tracker that fails: the rows for programs go on."""
    said: list[str] = []
    with open_curves(make_config(folder), folder, say=said.append) as curves:
        (_, tensorboard) = curves._sinks
        tensorboard._sink._events.add_event = fail_as_a_full_disk
        for env_steps in (100, 200):
            curves.write(make_progress(env_steps=env_steps), wall_s=1.5, num_restarts=0)
    assert said == ["TensorBoard accepts no more curves; the run goes on without it: No space left on device"]
    assert [row["run/env_steps"] for row in rows_of(folder)] == [100, 200]


def test_tensorboard_that_can_not_be_opened_ends_no_run_either(folder: RunFolder) -> None:
    """A file in the place of its folder, for one."""
    folder.curves.write_text("no folder")
    said: list[str] = []
    with open_curves(make_config(folder), folder, say=said.append) as curves:
        curves.write(make_progress(env_steps=100), wall_s=1.5, num_restarts=0)
    assert len(said) == 1
    assert said[0].startswith("TensorBoard accepts no more curves; the run goes on without it: ")
    assert [row["run/env_steps"] for row in rows_of(folder)] == [100]


def fail_as_a_full_disk(_: object) -> None:
    """What the system raises."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_figure_that_is_not_finite_is_null_for_programs(folder: RunFolder, value: float) -> None:
    """NaN is no JSON: jq and JavaScript refuse the whole row."""
    write(folder, 100, true_return_mean=value, statistics={"policy_loss": value})
    (line,) = folder.progress.read_text().splitlines()
    row = json.loads(line, parse_constant=pytest.fail)
    assert (row["episode/true_return_mean"], row["learner/policy_loss"]) == (None, None)
