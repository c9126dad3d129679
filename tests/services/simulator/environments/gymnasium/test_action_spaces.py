"""Whatever the action space, what a policy does becomes something that the space holds."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st

from services.simulator.environments import open_environment
from services.simulator.policy import Policy
from services.simulator.rollouts.rollout import gather
from somersault.environments.factory import make_env
from somersault.environments.gymnasium_actions import action_maker
from somersault.errors import InvalidInputError
from somersault.tasks import GymnasiumEnvironment, Task, get_task
from somersault.tasks.gymnasium_spaces.actions import read_actions
from tests.somersault.synthetic_runs import policy_arrays
from tests.synthetic_environments import SPACES, name_of

_EDGES = st.one_of(st.integers(-100, 100), st.sampled_from([-np.inf, np.inf, -3e38, 3e38]))
_SHAPES = st.lists(st.integers(1, 3), max_size=3).map(tuple)


def _box(draw: st.DrawFn, dtype: type) -> spaces.Box:
    shape = draw(_SHAPES)
    edges = [sorted((draw(_EDGES), draw(_EDGES))) for _ in range(int(np.prod(shape)))]
    low, high = np.array(edges, np.float64).T.reshape(2, *shape)
    low, high = np.where(low == np.inf, 0, low), np.where(high == -np.inf, 0, high)
    if not np.issubdtype(dtype, np.floating):
        info = np.iinfo(dtype)
        low, high = (np.clip(edge, info.min, min(info.max, 2**62)) for edge in (low, high))
    return spaces.Box(low.astype(dtype), high.astype(dtype), dtype=dtype)


@st.composite
def action_spaces(draw: st.DrawFn) -> spaces.Space:
    """Draw a space of any kind that can be acted in."""
    kind = draw(st.sampled_from(["discrete", "multi_discrete", "multi_binary", "box"]))
    if kind == "box":
        return _box(draw, draw(st.sampled_from([np.float32, np.float64, np.int8, np.uint8, np.int64])))
    if kind == "discrete":
        return spaces.Discrete(draw(st.integers(1, 9)), start=draw(st.integers(-9, 9)))
    shape = draw(_SHAPES) or (1,)
    if kind == "multi_binary":
        return spaces.MultiBinary(shape)
    size = int(np.prod(shape))
    sizes, starts = (
        np.array(draw(st.lists(st.integers(low, 6), min_size=size, max_size=size))).reshape(shape)
        for low in (1, -6)
    )
    return spaces.MultiDiscrete(sizes, start=starts)


def _task(space: spaces.Space, *, limit: float = 10.0) -> Task:
    """Return a task of our own that declares what the space is read as."""
    read = read_actions(space, limit=limit)
    return dataclasses.replace(
        get_task(name_of("Choices")),
        environment=GymnasiumEnvironment(environment_id="unused-v0", action_limit=limit),
        action_dim=read.action_dim,
        num_actions=read.num_actions,
        choice_sizes=read.choice_sizes,
    )


@settings(max_examples=60, deadline=None)
@given(space=action_spaces(), seed=st.integers(0, 2**32))
def test_every_action_becomes_one_of_the_space(space: spaces.Space, seed: int) -> None:
    """Vectors to their very edges, choices to the last of each."""
    spec, rng = _task(space).spec, np.random.default_rng(seed)
    make = action_maker(space, _task(space))
    if spec.is_discrete:
        sizes = np.array(spec.choices).reshape(spec.action_shape)
        actions = [np.zeros_like(sizes), sizes - 1, rng.integers(sizes)]
    else:
        actions = [np.full(spec.action_dim, edge) for edge in (-1, 1, 0)]
        actions.append(rng.uniform(-1, 1, spec.action_dim))
    for action in actions:
        made = make(np.asarray(action, spec.action_dtype))
        assert space.contains(made), (space, action, made)


def test_choices_are_counted_from_the_spaces_start_and_take_its_shape() -> None:
    """Two by two choices, the first counted from 5."""
    space = spaces.MultiDiscrete([[3, 2], [2, 4]], start=[[5, 0], [0, 0]])
    made = action_maker(space, _task(space))(np.array([2, 1, 0, 3], np.int32))
    np.testing.assert_array_equal(made, [[7, 1], [0, 3]])


def test_whole_numbers_are_rounded() -> None:
    """0 to 9 from -1 to 1: -0.5 is 2.25, 0.1 is 4.95."""
    space = spaces.Box(0, 9, (2,), np.int32)
    made = action_maker(space, _task(space))(np.array([-0.5, 0.1], np.float32))
    assert made.dtype == np.int32
    np.testing.assert_array_equal(made, [2, 5])


def test_what_has_no_bound_reaches_as_far_as_the_limit() -> None:
    """To both sides, or twice as far from the one bound there is; a type's largest number is none."""
    low = np.array([-np.inf, 1, -np.inf, -np.finfo(np.float32).max], np.float32)
    high = np.array([np.inf, np.inf, 5, np.finfo(np.float32).max], np.float32)
    space = spaces.Box(low, high)
    make = action_maker(space, _task(space, limit=4.0))
    np.testing.assert_allclose(make(np.full(4, -1, np.float32)), [-4, 1, -3, -4])
    np.testing.assert_allclose(make(np.full(4, 1, np.float32)), [4, 9, 5, 4])
    np.testing.assert_allclose(make(np.zeros(4, np.float32)), [0, 5, 1, 0])


def test_a_bound_that_was_chosen_is_told() -> None:
    """With its value; nothing is told of a space that has its own."""
    note = read_actions(spaces.Box(0, np.inf, (2,)), limit=10.0).note
    assert note is not None
    assert "within 0 to 20" in note
    assert read_actions(spaces.Box(0, 1, (2,)), limit=10.0).note is None


@pytest.mark.parametrize(
    "space",
    [
        spaces.Text(5),
        spaces.Sequence(spaces.Discrete(2)),
        spaces.Graph(spaces.Box(0, 1, (2,)), None),
        spaces.OneOf([spaces.Discrete(2), spaces.Discrete(3)]),
        spaces.Dict(a=spaces.Discrete(2)),
        spaces.Tuple((spaces.Discrete(2),)),
        spaces.Box(0, 1, (0,)),
        spaces.Box(np.zeros((90, 90), np.float32), np.ones((90, 90), np.float32)),
        spaces.MultiDiscrete([3000, 3000]),
    ],
    ids=lambda space: type(space).__name__,
)
def test_spaces_that_can_not_be_acted_in_are_refused_in_a_line(space: spaces.Space) -> None:
    """It names the space and says what to do."""
    with pytest.raises(InvalidInputError, match="wrap the environment") as refused:
        read_actions(space, limit=10.0)
    assert type(space).__name__ in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("kind", [kind for kind, told in SPACES.items() if "done" in told])
def test_a_rollout_of_every_kind_is_played(kind: str) -> None:
    """The environment itself checks each action; segments' shapes are the task's."""
    task = get_task(name_of(kind))
    spec = task.spec
    batch = open_environment(task, num_environments=2, rng=np.random.default_rng(0))
    policy = Policy(policy_arrays(spec), spec=spec)
    rollout, trace = gather(
        batch, policy, sequence=0, policy_version=0, num_steps=30, rng=np.random.default_rng(1)
    )
    batch.close()
    assert rollout.actions.shape == (30, 2, *spec.action_shape)
    assert rollout.actions.dtype == spec.action_dtype
    assert trace.passage.is_still.any()


@pytest.mark.parametrize("kind", [kind for kind, told in SPACES.items() if "done" in told])
def test_make_env_takes_what_its_own_space_holds(kind: str) -> None:
    """Samples of the space that an agent sees are actions of the environment beneath."""
    env = make_env(name_of(kind))
    env.action_space.seed(0)
    env.reset(seed=0)
    for _ in range(20):
        env.step(env.action_space.sample())
    env.close()
