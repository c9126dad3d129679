"""Pairs to practise on: their clips come with the package, and look as clips do."""

from __future__ import annotations

import hashlib
import itertools
from pathlib import Path

import av
import numpy as np
import pytest

from somersault.domain.feedback import Preference
from somersault.tasks import PracticePair, find_practice, get_task
from somersault.tasks.practice import PACKAGED
from tests.docs.documents import ROOT

PAIRS = [pytest.param(pair, id=f"{name}-{n}") for name in PACKAGED for n, pair in enumerate(PACKAGED[name])]
FOLDER = ROOT / "somersault" / "tasks" / "practice"


@pytest.mark.parametrize("pair", PAIRS)
def test_the_clips_of_a_pair_are_short_videos_that_move(pair: PracticePair) -> None:
    """H.264 of one to two seconds without sound, at most 64 kB each, of one size, and not the same twice."""
    for path in (pair.left, pair.right):
        data = Path(path).read_bytes()
        assert len(data) <= 64 * 1024
        with av.open(path) as container:
            (stream,) = container.streams
            assert stream.codec_context.name == "h264"
            frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
            assert 1 <= len(frames) / float(stream.average_rate) <= 2
        assert any(np.any(first != second) for first, second in itertools.pairwise(frames))
    with av.open(pair.left) as left, av.open(pair.right) as right:
        assert left.streams.video[0].height == right.streams.video[0].height
    assert hashlib.sha256(Path(pair.left).read_bytes()).digest() != hashlib.sha256(data).digest()


@pytest.mark.parametrize("pair", PAIRS)
def test_a_pair_says_what_is_better_and_why(pair: PracticePair) -> None:
    """One side, in a sentence."""
    assert pair.preference in (Preference.LEFT, Preference.RIGHT)
    assert pair.explanation[0].isupper()
    assert pair.explanation.endswith(".")


@pytest.mark.parametrize("name", list(PACKAGED))
def test_a_task_has_two_pairs_with_the_answer_on_either_side(name: str) -> None:
    """Whoever presses the same key each time is told so; a task and its name lead to the same pairs."""
    assert {pair.preference for pair in PACKAGED[name]} == {Preference.LEFT, Preference.RIGHT}
    assert find_practice(name) == get_task(name).practice == PACKAGED[name]


def test_every_clip_in_the_folder_is_shown() -> None:
    """None is shipped for nothing."""
    shown = {Path(path) for pairs in PACKAGED.values() for pair in pairs for path in (pair.left, pair.right)}
    assert shown == set(FOLDER.glob("*/*.mp4"))


def test_a_task_without_pairs_has_none() -> None:
    """Whether it is known or not: to be asked is no error."""
    assert find_practice("ant") == find_practice("Acrobot-v1") == find_practice("nobodys-task") == ()


def test_a_task_of_ones_own_names_its_clips_from_its_file_on(tmp_path: Path) -> None:
    """Its paths are absolute once it is loaded, wherever the process runs."""
    text = (ROOT / "examples" / "custom_task.py").read_text(encoding="utf-8")
    pair = 'practice=(PracticePair(left="a.mp4", right="b.mp4", preference=Preference.LEFT, explanation="So."),),'
    own = tmp_path / "own.py"
    own.write_text(
        text.replace(
            "from somersault.tasks import Camera",
            "from somersault.types import Preference\nfrom somersault.tasks import PracticePair, Camera",
        ).replace("    step_s=0.008,", f"    {pair}\n    step_s=0.008,"),
        encoding="utf-8",
    )
    (found,) = get_task(str(own)).practice
    assert (found.left, found.right) == (str(tmp_path / "a.mp4"), str(tmp_path / "b.mp4"))
