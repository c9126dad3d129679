"""Environments by their Gymnasium id: played as Gymnasium plays them, and shown again bit for bit."""

from __future__ import annotations

import dataclasses
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from services.simulator.clips.renderers import open_renderer
from services.simulator.environments import EnvironmentBatch, Passage, open_environment
from somersault.environments.gymnasium_actions import action_maker
from somersault.environments.gymnasium_spaces import area_means, fit, frame_maker, shrink
from somersault.errors import CorruptDataError, EnvironmentFailedError, InvalidInputError
from somersault.tasks import GymnasiumEnvironment, Task, get_task
from somersault.tasks.gymnasium import gymnasium_task

NUM = 3


class Counting(gymnasium.Env):
    """Shows how many steps it has taken, as a shade and in its pictures; ends after five."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 15}  # noqa: RUF012 - as Gymnasium has it
    observation_space = spaces.Box(0, 255, (96, 96, 3), np.uint8)
    action_space = spaces.Discrete(3, start=5)

    def __init__(self, render_mode: str | None = None, *, value: float = 0.0) -> None:
        """Begins at nought; ``value`` is what its tuple-observing sister shows."""
        self.render_mode, self.value, self.count = render_mode, value, 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        """Begins an episode with a shade drawn from the seed."""
        super().reset(seed=seed)
        self.count, self.shade = 0, int(self.np_random.integers(100))
        return self._observe(), {}

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Counts; pays the action."""
        assert self.action_space.contains(action)
        self.count += 1
        return self._observe(), float(action), self.count == 5, False, {}

    def render(self) -> np.ndarray:
        """Draws the count and the shade into a picture of 30 x 20."""
        picture = np.zeros((20, 30, 3), np.uint8)
        picture[self.count] = (self.shade, self.count, 255)
        return picture

    def _observe(self) -> Any:
        observation = np.full((96, 96, 3), self.shade, np.uint8)
        observation[:, 48:] = 10 * self.count
        return observation


class CountingPair(Counting):
    """Shows a choice and a vector together."""

    observation_space = spaces.Dict(
        {"kind": spaces.Discrete(3), "place": spaces.Box(-9, 9, (2,), np.float64)}
    )

    def _observe(self) -> Any:
        return {"kind": self.count % 3, "place": np.array([self.value, -1.5])}


gymnasium.register("Counting-v0", entry_point=Counting)
gymnasium.register("CountingPair-v0", entry_point=CountingPair)


def _open(name: str | Task, *, num: int = NUM, seed: int = 0) -> EnvironmentBatch:
    task = get_task(name) if isinstance(name, str) else name
    rng = np.random.default_rng(seed)
    return open_environment(task, num_environments=num, rng=rng)


def _play(batch: EnvironmentBatch, actions: np.ndarray) -> tuple[np.ndarray, Passage]:
    """Step all lanes through ``[T, N, …]`` actions and return ``[T, N, *frame]`` frames."""
    spec = batch.task.spec
    frames = np.empty((*actions.shape[:2], *spec.frame_shape), spec.frame_dtype)
    batch.begin(len(actions))
    for lane in batch.lanes:
        for step in range(len(actions)):
            lane.observe(frames[step, lane.rows])
            lane.step(actions[step, lane.rows])
    return frames, batch.finish()


def _actions(task: Task, num_steps: int, *, num: int = NUM) -> np.ndarray:
    rng = np.random.default_rng(7)
    if task.num_actions:
        return rng.integers(task.num_actions, size=(num_steps, num)).astype(np.int32)
    return rng.uniform(-1, 1, (num_steps, num, task.action_dim)).astype(np.float32)


def _seeds(batch_seed: int, *, num: int, row: int) -> np.random.Generator:
    """The seeds of an environment's episodes, worked out as documented: one generator for each environment."""
    return np.random.default_rng(int(np.random.default_rng(batch_seed).integers(2**31, size=num)[row]))


@pytest.mark.parametrize("name", ["CartPole-v1", "Pendulum-v1"])
def test_steps_are_gymnasiums_and_pictures_come_back_bit_for_bit(name: str) -> None:
    """Observations, rewards and pictures equal those of a plain environment with the same seeds, ends stand still."""
    task = get_task(name)
    batch = _open(task)
    actions = _actions(task, 60)
    frames, passage = _play(batch, actions)
    batch.close()

    plain = gymnasium.make(name, render_mode="rgb_array")
    seeds = _seeds(0, num=NUM, row=1)
    seen, _ = plain.reset(seed=int(seeds.integers(2**31)))
    pictures, still_steps_left, finals = [], 0, []
    for step, action in enumerate(actions[:, 1]):
        np.testing.assert_array_equal(frames[step, 1], np.asarray(seen, np.float32))
        if step % task.clip_step == 0:
            # Both render larger than clips are: means of two by two pixels.
            large = plain.render().astype(np.uint16)
            pictures.append((large[::2, ::2] + large[1::2, ::2] + large[::2, 1::2] + large[1::2, 1::2]) // 4)
        chosen = int(action) if task.num_actions else 2 * action  # the pendulum's torque is bounded by 2
        assert passage.is_still[step, 1] == (still_steps_left > 0)
        if still_steps_left:
            reward, is_terminated = 0.0, False
            still_steps_left -= 1
            is_over = still_steps_left == 0
        else:
            seen, reward, is_terminated, is_over, _ = plain.step(chosen)
        if is_terminated:
            still_steps_left = task.still_steps
        assert passage.true_rewards[step, 1] == np.float32(reward)
        assert passage.is_over[step, 1] == is_over
        if is_over:
            finals.append(seen)
            seen, _ = plain.reset(seed=int(seeds.integers(2**31)))
    plain.close()
    np.testing.assert_array_equal(passage.is_truncated, passage.is_over)
    assert passage.final_observations.shape == (passage.is_over.sum(), *task.frame_shape)
    own = np.argwhere(passage.is_over)[:, 1] == 1
    np.testing.assert_array_equal(
        passage.final_observations[own], np.array(finals, np.float32).reshape(-1, *task.frame_shape)
    )
    assert len(finals) == (1 if name == "CartPole-v1" else 0)
    np.testing.assert_array_equal(passage.next_observations[1], np.asarray(seen, np.float32))
    footage = passage.footage.join([passage.footage.part(1, 0, 60)])
    shown = list(open_renderer(task, backend="none").render(footage, num_steps=60))
    np.testing.assert_array_equal(shown, pictures)


def test_segment_over_two_passages_shows_its_own_pictures_alone() -> None:
    """Steps 13 to 16 of one passage and 0 to 9 of the next, each with the picture of its moment."""
    batch = _open("Counting-v0")
    task = batch.task
    rewards, parts, overs = [], [], []
    for begin, end in ((13, 17), (0, 10)):
        _, passage = _play(batch, _actions(task, 17))
        parts.append(passage.footage.part(2, begin, end))
        rewards.append(passage.true_rewards)
        overs += passage.is_over[:, 2].tolist()
        joined = passage.footage.join(parts)
    batch.close()
    # Five steps and, at fifteen a second, half a second of standing still.
    assert [step for step, is_over in enumerate(overs) if is_over] == [12, 25]
    renderer = open_renderer(task, backend="none")
    shown = list(renderer.render(joined, num_steps=14))
    assert len(shown) == 14
    assert shown[0].shape == (200, 300, 3)  # enlarged tenfold, to at most 320
    # The row of an environment's count since its episode began is lit; the passage began at step 0.
    counts = [int(np.flatnonzero(frame[::10, 0, 2])[0]) for frame in shown]
    assert counts == [0, 1, 2, 3, 4, 5, 5, 5, 5, 5, 5, 5, 5, 0]
    # Actions count from 5 in this environment, and it pays their number; while it stands still it pays nothing.
    assert set(np.unique(rewards)) == {0.0, 5.0, 6.0, 7.0}


def test_first_episodes_are_staggered_and_later_ones_whole() -> None:
    """Of four environments the first episodes begin 0, 50, 100 and 150 steps in: they do not end in the same step."""
    task = get_task("Pendulum-v1")
    batch = open_environment(task, num_environments=4, rng=np.random.default_rng(0), is_staggered=True)
    _, passage = _play(batch, _actions(task, 400, num=4))
    batch.close()
    ends = [np.flatnonzero(passage.is_over[:, row]).tolist() for row in range(4)]
    assert ends == [[199, 399], [149, 349], [99, 299], [49, 249]]
    assert not passage.is_still.any()


def test_continuing_task_is_told_of_no_end() -> None:
    """A custom task may be a continuing one; the environment stands still all the same."""
    task = dataclasses.replace(get_task("CartPole-v1"), is_continuing=True)
    batch = _open(task)
    _, passage = _play(batch, _actions(task, 60))
    batch.close()
    assert passage.is_over.any()
    assert passage.is_still.any()
    assert not passage.is_truncated.any()
    assert passage.final_observations.shape == (0, 4)


def test_pictures_are_seen_as_grey_of_84_by_84() -> None:
    """Left half: the seed's shade; right half: ten times the count; uint8."""
    task = get_task("Counting-v0")
    assert (task.frame_shape, task.num_frames, task.num_actions) == ((84, 84), 4, 3)
    batch = _open(task)
    frames, _ = _play(batch, _actions(task, 4))
    batch.close()
    shade = int(np.random.default_rng(int(_seeds(0, num=NUM, row=0).integers(2**31))).integers(100))
    assert frames.dtype == np.uint8
    assert (frames[3, 0, :, :42] == shade).all()
    assert (frames[3, 0, :, 42:] == 30).all()


def test_dictionaries_are_one_vector() -> None:
    """A choice becomes three numbers of which one is 1; then the place."""
    environment = GymnasiumEnvironment(environment_id="CountingPair-v0", options={"value": 2.5})
    task = gymnasium_task("CountingPair-v0")
    task = dataclasses.replace(task, environment=environment)
    batch = _open(task)
    frames, _ = _play(batch, _actions(task, 3))
    batch.close()
    assert frames[:, 0].tolist() == [[1, 0, 0, 2.5, -1.5], [0, 1, 0, 2.5, -1.5], [0, 0, 1, 2.5, -1.5]]


def test_an_environment_is_the_same_whatever_is_stepped_beside_it() -> None:
    """Five environments alone and among eight, in lanes of other rows; the recorded ones are the first four."""
    actions = _actions(get_task("CartPole-v1"), 40, num=8)
    passages, lanes = [], []
    for num in (5, 8):
        batch = _open("CartPole-v1", num=num)
        lanes.append([lane.rows for lane in batch.lanes])
        assert batch.recorded_rows == range(4)
        frames, passage = _play(batch, actions[:, :num])
        passages.append((frames[:, :5], passage))
        batch.close()
    assert lanes == [
        [slice(0, 1), slice(1, 3), slice(3, 5)],
        [slice(0, 2), slice(2, 4), slice(4, 6), slice(6, 8)],
    ]
    for frames, passage in passages[1:]:
        np.testing.assert_array_equal(frames, passages[0][0])
        np.testing.assert_array_equal(passage.true_rewards[:, :5], passages[0][1].true_rewards)
        np.testing.assert_array_equal(
            passage.footage.part(3, 5, 30)["groups"], passages[0][1].footage.part(3, 5, 30)["groups"]
        )


def test_footage_of_a_segment_is_small() -> None:
    """A second and a half of CartPole, 38 pictures of 180 kB, takes less than a hundredth."""
    task = get_task("CartPole-v1")
    batch = _open(task)
    _, passage = _play(batch, _actions(task, task.segment_steps))
    batch.close()
    footage = passage.footage.join([passage.footage.part(0, 0, task.segment_steps)])
    assert len(footage["picture_steps"]) == 38
    assert sum(array.nbytes for array in footage.values()) < 38 * 180_000 / 100


@pytest.mark.parametrize(
    "change",
    [
        {"picture_shape": np.array([1 << 20, 1 << 20, 3])},
        {"group_pictures": np.array([9])},
        {"group_bytes": np.array([3])},
        {"groups": np.zeros(40, np.uint8), "group_bytes": np.array([40])},
        {"picture_steps": np.full(8, -1)},
    ],
)
def test_corrupt_pictures_are_refused(change: dict[str, np.ndarray]) -> None:
    """Sizes that do not fit, bytes that can't be decompressed, and pictures of no step of the segment."""
    batch = _open("Counting-v0")
    _, passage = _play(batch, _actions(batch.task, 8))
    batch.close()
    footage = passage.footage.join([passage.footage.part(0, 0, 8)])
    renderer = open_renderer(batch.task, backend="none")
    assert len(list(renderer.render(footage, num_steps=8))) == 8
    with pytest.raises(CorruptDataError):
        list(renderer.render({**footage, **change}, num_steps=8))


def test_actions_reach_both_bounds_and_no_further() -> None:
    """From -1 and 1 to the box's own bounds, in its shape and dtype."""
    box = spaces.Box(np.array([[0.0, -0.1]], np.float32), np.array([[1.0, 0.3]], np.float32))
    task = dataclasses.replace(get_task("Pendulum-v1"), action_dim=2)
    act = action_maker(box, task)
    for action, expected in (((-1, -1), box.low), ((1, 1), box.high), ((0, 0), [[0.5, 0.1]])):
        executed = act(np.array(action, np.float32))
        assert box.contains(executed)
        np.testing.assert_allclose(executed, expected, rtol=1e-6)


def test_sizes_that_a_task_declares_otherwise_are_refused() -> None:
    """A task's policy could not play it."""
    task = get_task("CartPole-v1")
    with pytest.raises(InvalidInputError, match="action space is Discrete"):
        action_maker(spaces.Discrete(3), task)
    with pytest.raises(InvalidInputError, match="observation space is"):
        frame_maker(spaces.Box(-1, 1, (5,)), task)


def test_area_means_weigh_by_overlap() -> None:
    """Three rows onto two: each new one takes a whole one and half of the middle one."""
    values = np.array([[3.0, 0.0], [6.0, 0.0], [30.0, 9.0]], np.float32)
    np.testing.assert_allclose(area_means(values, 2), [[4.0, 0.0], [22.0, 6.0]])
    np.testing.assert_allclose(area_means(values, 3), values)


def test_pictures_shrink_by_whole_factors() -> None:
    """641 columns into at most 320: thirds, the last two columns cut off."""
    picture = np.arange(6 * 641 * 3, dtype=np.uint32).reshape(6, 641, 3).astype(np.uint8)
    small = shrink(picture, max_px=320)
    assert small.shape == (2, 213, 3)
    assert small[1, 4, 2] == int(picture[3:6, 12:15, 2].astype(int).sum()) // 9
    assert shrink(picture, max_px=641) is not picture


def _play_odd(kind: str, monkeypatch: pytest.MonkeyPatch, *, num_steps: int = 40) -> Passage:
    """A passage of three copies of an odd environment, which is odd from its 20th step on."""
    monkeypatch.setenv("ODD_AT", "20")
    task = get_task(f"tests.odd_environments:Odd/{kind}-v0")
    batch = open_environment(task, num_environments=NUM, rng=np.random.default_rng(0))
    try:
        batch.begin(num_steps)
        for lane in reversed(batch.lanes):
            for _ in range(num_steps):
                lane.step(np.zeros(lane.rows.stop - lane.rows.start, np.int32))
        return batch.finish()
    finally:
        batch.close()


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (
            "OtherShape",
            r"copy 1\) returned an observation from step that has shape \(1,\), must be \(4,\), at step 20$",
        ),
        (
            "NanObservation",
            r"copy 1\) returned an observation from step that is nan at \[1\], must be finite, at step 20$",
        ),
        ("NanReward", r"copy 1\) returned nan as reward, must be a finite number, at step 20$"),
        (
            "RaisesInStep",
            r"copy 1\) raised ValueError\('the wheel is off'\) at step 20 \(.*odd_environments.py:\d+\)$",
        ),
        ("NoPicture", r"copy 1\) returned None from render, must be a uint8 array"),
    ],
)
def test_what_is_not_as_declared_is_told_of_the_copy(
    kind: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One copy's answer is never spread over the others, nor learned from."""
    with pytest.raises(EnvironmentFailedError, match=told):
        _play_odd(kind, monkeypatch)


def test_pictures_of_changing_size_are_made_as_large_as_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a segment's clip has one size."""
    passage = _play_odd("ChangingPictures", monkeypatch)
    assert passage.footage.part(0, 0, 40)["picture_shape"].tolist() == [65, 96, 3]


def test_a_picture_is_set_amid_black_in_its_own_proportions() -> None:
    """A tall one fits between bars at the sides."""
    tall = np.full((40, 10, 3), 9, np.uint8)
    fitted = fit(tall, (20, 20))
    assert fitted.shape == (20, 20, 3)
    assert (fitted[:, 7:12] == 9).all()
    assert not fitted[:, :7].any()
    assert not fitted[:, 12:].any()
    assert fit(tall, (40, 10)) is tall
