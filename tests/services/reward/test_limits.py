"""What the settings come to for a task."""

from __future__ import annotations

from typing import Any

import pytest

from services.reward.config import RewardConfig
from services.reward.limits import fitting_capacity
from services.reward.segments.layout import SegmentLayout
from somersault.domain.task_spec import TaskSpec
from somersault.errors import ConfigError
from tests.services.reward.doubles import SPEC

_GAME = TaskSpec(
    task="t",
    frame_shape=(84, 84),
    num_frames=4,
    num_actions=6,
    episode_steps=99,
    segment_steps=25,
    step_s=0.1,
)


def _config(**values: Any) -> RewardConfig:
    return RewardConfig(task="t", run_id="r", storage_url="memory://", **values)


def test_capacity_is_what_fits_into_memory() -> None:
    """Of 1,000 segments of 100 bytes, 25 fit into 2,599 bytes; all of 20 do."""
    bounds = {"field": "max_pool_bytes", "max_bytes": 2599, "each_bytes": 100}
    assert fitting_capacity(1000, **bounds) == 25
    assert fitting_capacity(20, **bounds) == 20


def test_bound_that_leaves_no_room_is_an_error() -> None:
    """The message names the setting and the least it may be."""
    with pytest.raises(ConfigError, match="max_pool_bytes is 199, must be at least 200"):
        fitting_capacity(1000, field="max_pool_bytes", max_bytes=199, each_bytes=100)


def test_a_games_default_bounds_hold_the_segments_that_are_documented() -> None:
    """1,000 segments of 197,668 bytes fit into 256 MiB; of comparisons of two, 2,716 into 1 GiB."""
    config, each_bytes = _config(), SegmentLayout(_GAME).segment_bytes
    assert fitting_capacity(1000, field="f", max_bytes=config.max_pool_bytes, each_bytes=each_bytes) == 1000
    bounds = {"max_bytes": config.max_comparisons_bytes, "each_bytes": 2 * each_bytes}
    assert fitting_capacity(3000, field="f", **bounds) == 2716


def test_vectors_are_all_scored_and_pictures_in_part() -> None:
    """512 pictures are 5 of the 25 steps, 0, 6, 12, 18 and 24, of 102 segments."""
    vectors, pictures = (_config().limits_for(spec).scored for spec in (SPEC, _GAME))

    assert (vectors.steps, vectors.max_segments) == (slice(None), None)
    assert list(range(25))[pictures.steps] == [0, 6, 12, 18, 24]
    assert pictures.max_segments == 102


def test_training_has_the_settings_of_its_kind_of_frame() -> None:
    """A minibatch of pictures is smaller."""
    config = _config()
    assert config.limits_for(SPEC).trainer.minibatch_size == 64
    assert config.limits_for(_GAME).trainer.minibatch_size == 16


def test_settings_of_the_other_kind_are_an_error() -> None:
    """A setting without effect must not be accepted in silence."""
    with pytest.raises(ConfigError, match="trainer has no effect"):
        _config(trainer={"round_steps": 3}).limits_for(_GAME)
    with pytest.raises(ConfigError, match="picture_trainer has no effect"):
        _config(picture_trainer={"round_steps": 3}).limits_for(SPEC)
