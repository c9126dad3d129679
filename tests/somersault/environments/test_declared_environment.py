"""Observations, rewards and flags as their spaces say, or refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

from somersault.environments.declared_environment import DeclaredEnvironment
from somersault.environments.observation_reader import SpaceMismatchError, observation_reader
from somersault.errors import EnvironmentFailedError
from tests.odd_environments import Plain

BOX = spaces.Box(-1, 1, (2,), np.float32)
DOUBLE = spaces.Box(-1, 1, (2,), np.float64)
PICTURE = spaces.Box(0, 255, (2, 2), np.uint8)


@pytest.mark.parametrize(
    ("space", "seen", "read"),
    [
        (BOX, [1, 2.5], [1, 2.5]),
        (BOX, (True, np.float64(3)), [1, 3]),
        (PICTURE, [[0, 255], [1, 2]], [[0, 255], [1, 2]]),
        (spaces.Discrete(3), np.array([2]), 2),
        (spaces.Discrete(3, start=-1), -1, -1),
        (spaces.MultiDiscrete([2, 3]), [1, 2], [1, 2]),
        (spaces.MultiBinary(2), np.array([True, False]), [1, 0]),
    ],
    ids=str,
)
def test_what_means_the_same_is_read_as_the_space_has_it(space: Any, seen: Any, read: Any) -> None:
    """Of its element type and shape, so that the space holds it but for its bounds."""
    found = observation_reader(space)(seen)
    assert np.asarray(found).dtype == space.dtype
    assert np.asarray(found).tolist() == read


@pytest.mark.parametrize(
    ("space", "seen", "told"),
    [
        (BOX, [1, 2, 3], r"has shape \(3,\), must be \(2,\)"),
        (BOX, [[1], [2, 3]], "is a ragged list, must be float32"),
        (BOX, None, "is None, must be float32"),
        (BOX, ["a", "b"], "has element type <U1, must be float32"),
        (BOX, [1e300, 0], r"is inf at \[0\], must be finite"),
        (DOUBLE, np.array([0, -1e300]), r"is -1e\+300 at \[1\], must be within what float32 holds"),
        (DOUBLE, np.array([np.nan, 0]), r"is nan at \[0\], must be finite"),
        (PICTURE, np.full((2, 2), 256), "is 256 to 256, must be within uint8"),
        (PICTURE, np.full((2, 2), 0.5), "has element type float64, must be uint8"),
        (spaces.Discrete(3), 3, r"is 3, must be of Discrete\(3\)"),
        (spaces.Discrete(3), 1.0, r"is 1.0, must be of Discrete\(3\)"),
        (spaces.Discrete(3), [[1], [2, 3]], "must be of Discrete"),
        (spaces.Dict(a=BOX, b=BOX), {"a": [0, 0]}, r"has \['a'\], must be a dict of \['a', 'b'\]"),
        (spaces.Dict(a=BOX), {"a": [0, np.inf]}, r"is inf at \['a'\]\[1\], must be finite"),
        (spaces.Tuple([BOX, BOX]), ([0, 0],), "is a tuple, must be 2 parts"),
    ],
    ids=str,
)
def test_what_the_space_can_not_hold_is_told(space: Any, seen: Any, told: str) -> None:
    """With its place within a larger one."""
    with pytest.raises(SpaceMismatchError, match=told):
        observation_reader(space)(seen)


@pytest.mark.parametrize(
    ("reward", "told"),
    [
        (1e300, r"returned 1e\+300 as reward, must be within what float32 holds, at step 1"),
        (10**400, "as reward, must be a finite number"),
        ([1.0, 2.0], r"returned \[1.0, 2.0\] as reward"),
        ([[1], [2, 3]], "as reward, must be a finite number"),
        (None, "returned None as reward"),
    ],
    ids=["too large", "far too large", "two", "ragged", "none"],
)
def test_a_reward_that_is_no_number_is_told(reward: Any, told: str) -> None:
    """As it came."""

    class Paying(Plain):
        def paid(self) -> Any:
            return reward

    environment = DeclaredEnvironment(Paying(), name="X")
    environment.reset(seed=0)
    with pytest.raises(EnvironmentFailedError, match=f"environment X .*{told}"):
        environment.step(0)
