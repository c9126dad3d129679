"""Whatever the observation space, a policy sees of it what docs/tasks.md says."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st

from services.simulator.environments import open_environment
from services.simulator.policy import Policy
from services.simulator.rollouts.rollout import gather
from somersault.domain.frames import observations_of, unpacked
from somersault.domain.packing import numbers_of, planes_of
from somersault.environments.factory import make_env
from somersault.environments.gymnasium_spaces import area_means, frame_maker
from somersault.errors import InvalidInputError
from somersault.tasks import GymnasiumEnvironment, Task, get_task
from somersault.tasks.gymnasium_spaces.observations import read_observations
from tests.somersault.synthetic_runs import policy_arrays
from tests.synthetic_environments import SPACES, name_of

SEEN = [kind for kind, told in SPACES.items() if "seen" in told]
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def _task(space: spaces.Space, **changes: Any) -> Task:
    """Return a task of our own that declares what the space is read as."""
    read = dataclasses.asdict(read_observations(space))
    del read["text"]
    environment = GymnasiumEnvironment(environment_id="unused-v0")
    return dataclasses.replace(get_task(name_of("Grey")), environment=environment, **(read | changes))


def _seen(space: spaces.Space, **changes: Any) -> tuple[Any, np.ndarray, Task]:
    """Return an observation, the frame that is made of it, and the task."""
    space.seed(3)
    observation, task = space.sample(), _task(space, **changes)
    return observation, frame_maker(space, task)(observation), task


@st.composite
def number_spaces(draw: st.DrawFn, depth: int = 2) -> spaces.Space:
    """Draw a space of numbers, nested at most twice."""
    kind = draw(st.sampled_from(["box", "discrete", "bits", "choices", "dict", "tuple"][: 6 if depth else 4]))
    inner = number_spaces(depth - 1) if depth else st.nothing()
    match kind:
        case "box":
            dtype = draw(st.sampled_from([np.float32, np.float64, np.int64, np.uint8]))
            return spaces.Box(0, 9, tuple(draw(st.lists(st.integers(1, 3), max_size=3))), dtype)
        case "discrete":
            return spaces.Discrete(draw(st.integers(1, 4)), start=draw(st.integers(-4, 4)))
        case "bits":
            return spaces.MultiBinary(draw(st.integers(1, 3)))
        case "choices":
            sizes = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
            return spaces.MultiDiscrete(sizes, start=[draw(st.integers(-4, 4)) for _ in sizes])
        case "dict":
            return spaces.Dict({f"part {at}": draw(inner) for at in range(draw(st.integers(1, 3)))})
    return spaces.Tuple([draw(inner) for _ in range(draw(st.integers(1, 3)))])


@settings(max_examples=60, deadline=None)
@given(space=number_spaces(), seed=st.integers(0, 2**31 - 1))
def test_numbers_of_any_space_are_its_flattened_ones(space: spaces.Space, seed: int) -> None:
    """Nested, of several dimensions, one-hot: gymnasium's own, and only it knows their length."""
    space.seed(seed)
    observation = space.sample()
    frame = frame_maker(space, _task(space))(observation)
    assert frame.dtype == np.float32
    np.testing.assert_array_equal(frame, spaces.flatten(space, observation).astype(np.float32))


@pytest.mark.parametrize("kind", SEEN)
def test_a_rollout_of_every_kind_is_played_and_seen_as_outside_of_a_run(kind: str) -> None:
    """Frames of the task's shape; what `make_env` shows are the same observations, of its space; policies act on them."""
    task = get_task(name_of(kind))
    spec = task.spec
    batch = open_environment(task, num_environments=1, rng=np.random.default_rng(5))
    policy = Policy(policy_arrays(spec), spec=spec)
    rollout, _ = gather(
        batch, policy, sequence=0, policy_version=0, num_steps=6, rng=np.random.default_rng(1)
    )
    batch.close()
    assert rollout.observations.shape == (6 + spec.num_frames - 1, 1, *spec.stored_shape)
    assert rollout.observations.dtype == spec.frame_dtype
    stacks = observations_of(rollout.observations[:, 0], num_frames=spec.num_frames)
    env = make_env(task)
    shown, _ = env.reset(seed=5)
    for stack, action in zip(stacks, rollout.actions[:, 0], strict=True):
        assert env.observation_space.contains(shown)
        expected = unpacked(stack, spec=spec)
        if isinstance(expected, dict):
            assert shown.keys() == expected.keys()
            np.testing.assert_array_equal(shown["numbers"], expected["numbers"])
            shown, expected = shown["pictures"], expected["pictures"]
        np.testing.assert_array_equal(shown, expected)
        shown, *_ = env.step(np.clip(action, -1, 1) if spec.action_dim else action)
    env.close()


def _shrunk(plane: np.ndarray) -> np.ndarray:
    return np.rint(area_means(area_means(plane.astype(np.float32).T, 84).T, 84)).astype(np.uint8)


@pytest.mark.parametrize(("shape", "axis"), [((60, 80, 3), 2), ((3, 60, 80), 0)])
def test_colours_are_made_grey_before_or_after(shape: tuple[int, ...], axis: int) -> None:
    """By their brightness, whichever axis they lie on; and kept apart in a task that says so."""
    space = spaces.Box(0, 255, shape, np.uint8)
    observation, frame, task = _seen(space)
    colours = np.moveaxis(observation, axis, 0).astype(np.float32)
    assert (task.num_frames, task.num_planes) == (4, 1)
    np.testing.assert_allclose(frame, _shrunk(np.tensordot(LUMA, colours, 1)), atol=1)
    _, frame, task = _seen(space, num_planes=3, num_frames=1)
    planes = planes_of(frame[None], frame_shape=(84, 84), num_planes=3)
    np.testing.assert_array_equal(planes, np.stack([_shrunk(colour) for colour in colours]))


def test_shares_are_levels() -> None:
    """0 to 1 becomes 0 to 255."""
    space = spaces.Box(0, 1, (84, 84), np.float32)
    observation, frame, _ = _seen(space)
    np.testing.assert_array_equal(frame, np.rint(observation.astype(np.float64) * 255))


def test_a_stack_is_seen_as_it_comes() -> None:
    """Oldest first, each made grey; nothing is stacked on top."""
    space = spaces.Box(0, 255, (2, 60, 80, 3), np.uint8)
    observation, frame, task = _seen(space)
    assert (task.num_frames, task.num_planes, task.spec.stored_shape) == (1, 2, (168, 84))
    expected = np.stack([_shrunk(each.astype(np.float32) @ LUMA) for each in observation])
    found = planes_of(frame[None], frame_shape=(84, 84), num_planes=2)
    np.testing.assert_allclose(found, expected, atol=1)


def test_numbers_beside_a_picture_come_back_bit_for_bit() -> None:
    """Every float, in the order of the space."""
    space = SPACES["PictureAndSensors"]["seen"]
    observation, frame, task = _seen(space)
    one_hot = np.eye(3)[observation["gear"]]
    assert (task.num_numbers, task.spec.stored_shape) == (5, (85, 84))
    np.testing.assert_array_equal(
        numbers_of(frame, num_numbers=5), np.concatenate([one_hot, observation["speed"]]).astype(np.float32)
    )


@pytest.mark.parametrize(
    "space",
    [
        spaces.Text(5),
        spaces.Sequence(spaces.Discrete(2)),
        spaces.Graph(spaces.Box(0, 1, (2,)), None),
        spaces.OneOf([spaces.Discrete(2), spaces.Discrete(3)]),
        spaces.Dict(place=spaces.Box(0, 1, (2,)), words=spaces.Text(5)),
        spaces.Dict(),
        spaces.Tuple(()),
        spaces.Box(0, 1, (0,)),
        spaces.Box(0, 255, (0, 0), np.uint8),
        spaces.Box(-1, 1, (5000,)),
        spaces.Dict(
            left=spaces.Box(0, 255, (60, 80), np.uint8), right=spaces.Box(0, 255, (60, 80), np.uint8)
        ),
    ],
    ids=lambda space: type(space).__name__,
)
def test_spaces_that_can_not_be_seen_are_refused_in_a_line(space: spaces.Space) -> None:
    """It names the space and says what to do."""
    with pytest.raises(InvalidInputError, match="wrap the environment") as refused:
        read_observations(space)
    assert type(space).__name__ in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_task_that_declares_something_else_is_refused() -> None:
    """With what it declares."""
    space = spaces.Box(0, 255, (4, 60, 80), np.uint8)
    with pytest.raises(InvalidInputError, match="num_planes 2"):
        frame_maker(space, _task(space, num_planes=2))
