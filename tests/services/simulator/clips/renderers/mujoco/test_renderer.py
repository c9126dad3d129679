"""What people see of MuJoCo tasks: the body, always; a second view; how high it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager

import mujoco
import numpy as np
import pytest

from services.simulator.clips.renderers import Frame, Renderer, backends_of, open_renderer
from services.simulator.clips.renderers.mujoco.scenery import load_scene
from services.simulator.environments.mujoco.model import load_model
from somersault.tasks import Camera, MujocoEnvironment, Task, get_task, list_tasks

TASKS = [task.name for task in list_tasks() if isinstance(task.environment, MujocoEnvironment)]
ORANGE = (214, 106, 38)


@contextmanager
def opened(task: Task) -> Iterator[Renderer]:
    """A renderer, closed at the end."""
    renderer = open_renderer(task, backend=backends_of(task)[0])
    yield renderer
    renderer.close()


def states_at_rest(task: Task, **changes: float) -> np.ndarray:
    """Two equal states as the model lies in its file, with coordinates changed by the name ``q<index>``."""
    model = load_model(task)
    state = np.concatenate(([0.0], model.qpos0, np.zeros(model.nv + model.na)))
    for name, value in changes.items():
        state[1 + int(name[1:])] = value
    return np.stack([state, state])


def render_one(task: Task, states: np.ndarray) -> Frame:
    """Render the first state."""
    with opened(task) as renderer:
        return next(iter(renderer.render({"states": states}, num_steps=1)))


def place_of(frame: Frame, rgb: tuple[int, int, int]) -> tuple[float, float]:
    """Return the mean row and column of the pixels of roughly a colour."""
    rows, columns = np.nonzero(np.abs(frame.astype(int) - rgb).max(axis=-1) < 40)
    assert len(rows) > 20
    return float(rows.mean()), float(columns.mean())


@pytest.mark.parametrize("name", TASKS)
def test_clip_is_one_to_two_seconds_of_15_to_30_frames(name: str) -> None:
    """What a person can judge at a glance, in real time."""
    task = get_task(name)
    assert 1 <= task.segment_steps * task.step_s <= 2
    assert 15 <= task.clip_fps <= 30


@pytest.mark.parametrize("name", TASKS)
def test_scenery_changes_no_state(name: str) -> None:
    """States of the bare model fit the rendered one: same coordinates, and every body in the same place."""
    task = get_task(name)
    state = states_at_rest(task)[0]
    state[1:] += np.random.default_rng(0).uniform(-0.3, 0.3, len(state) - 1)
    places = []
    for model in (load_model(task), load_scene(task, size_px=64)):
        data = mujoco.MjData(model)
        mujoco.mj_setState(model, data, state, mujoco.mjtState.mjSTATE_FULLPHYSICS)
        mujoco.mj_kinematics(model, data)
        places.append(data.xpos.copy())
    np.testing.assert_array_equal(places[0], places[1])


@pytest.mark.parametrize(
    ("name", "change"), [("cheetah", {"q0": 60.0}), ("swimmer", {"q0": -7.0, "q1": 9.0})]
)
def test_camera_follows_the_body(name: str, change: dict[str, float]) -> None:
    """Far from where it began the body is still in the middle third; the floor has no end."""
    task = get_task(name)
    row, column = place_of(render_one(task, states_at_rest(task, **change)), ORANGE)
    at_first = place_of(render_one(task, states_at_rest(task)), ORANGE)
    assert (row, column) == pytest.approx(at_first, abs=3)


def test_camera_does_not_follow_upwards() -> None:
    """A hopper half a metre up is seen higher, and the dark spots on the floor below it fade but stay."""
    task = get_task("hopper")
    frames = [render_one(task, states_at_rest(task, q1=height)) for height in (1.25, 1.75)]
    rows = [place_of(frame, ORANGE)[0] for frame in frames]
    assert rows[1] < rows[0] - 40
    # Below the foot of the standing hopper the floor is darker than beside it.
    empty = [frame[262:272, 20:60].mean() for frame in frames]
    spots = [float(frame[262:272, 145:190].min(axis=-1).min()) for frame in frames]
    assert spots[0] < spots[1] < empty[1] - 20


def test_ant_is_seen_from_above_too() -> None:
    """The inset shows it whole, from another side; without a second camera the corner shows the floor."""
    task = get_task("ant")
    environment = task.environment
    assert isinstance(environment, MujocoEnvironment)
    plain = dataclasses.replace(task, environment=dataclasses.replace(environment, second_camera=None))
    states = states_at_rest(task)
    both, one = render_one(task, states), render_one(plain, states)
    corner = both[-112:, :112]
    assert place_of(corner, (255, 150, 50)) == pytest.approx((56, 56), abs=8)
    np.testing.assert_array_equal(both[:206], one[:206])


def test_camera_that_follows_an_unknown_axis_is_refused() -> None:
    """The floor has two."""
    with pytest.raises(ValueError, match="follows is 'z'"):
        Camera(body="torso", height_m=1.0, distance_m=1.0, follows="z")
