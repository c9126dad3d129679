"""Clips show what happened, come out the same each time, and survive their worker."""

from __future__ import annotations

import asyncio
import io
import os
import signal
from collections.abc import AsyncIterator

import av
import numpy as np
import pytest
import pytest_asyncio

from services.simulator.clips import ClipRenderer
from services.simulator.rendering import draw_reward_bar
from somersault.errors import ConfigError, UnavailableError
from somersault.tasks import Task, get_task

pytestmark = pytest.mark.asyncio(loop_scope="module")


def backflip_states(*, num_steps: int = 188) -> np.ndarray:
    """A made-up jump that turns backwards once: time, x, z, angle, joints, velocities."""
    share = np.linspace(0, 1, num_steps + 1)
    states = np.zeros((num_steps + 1, 13))
    states[:, 0] = np.arange(num_steps + 1) * 0.008
    states[:, 1] = -1.5 * share
    states[:, 2] = 1.25 + 2.4 * share * (1 - share)
    states[:, 3] = -2 * np.pi * share
    return states


def _read(data: bytes) -> tuple[list[np.ndarray], float]:
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.video[0]
        rate = float(stream.average_rate or 0)
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)], rate


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def renderer() -> AsyncIterator[ClipRenderer]:
    """A renderer with a worker, which the tests of this module share; each leaves it usable."""
    renderer = ClipRenderer(get_task("hopper-backflip"))
    yield renderer
    await renderer.close()


async def test_clip_is_a_web_video_in_real_time(renderer: ClipRenderer) -> None:
    """47 frames of 320 x 320 at 31.25 a second, 1.5 s; its index is first, so that it plays at once."""
    clip = await renderer.draw(backflip_states())
    frames, rate = _read(clip.data)
    assert len(frames) == clip.num_frames == 47
    assert frames[0].shape == (320, 320, 3)
    assert rate == 31.25
    assert clip.data.index(b"moov") < clip.data.index(b"mdat")
    assert len(clip.data) < 100_000


async def test_same_segment_gives_same_bytes(renderer: ClipRenderer) -> None:
    """Whoever draws it again, the SHA-256 stays."""
    states = backflip_states()
    assert len({(await renderer.draw(states)).data for _ in range(3)}) == 1


async def test_body_is_in_the_frame_and_turns(renderer: ClipRenderer) -> None:
    """The yellow head is above the orange torso at first and below it half a turn later."""
    frames, _ = _read((await renderer.draw(backflip_states())).data)

    def height_of(frame: np.ndarray, rgb: tuple[int, int, int]) -> float:
        rows, _ = np.nonzero(np.abs(frame.astype(int) - rgb).max(axis=-1) < 40)
        assert len(rows) > 20
        return float(-rows.mean())

    head, torso = (250, 199, 89), (214, 106, 38)
    assert height_of(frames[0], head) > height_of(frames[0], torso) + 10
    assert height_of(frames[23], head) < height_of(frames[23], torso) - 10


async def test_killed_worker_is_replaced_and_the_clip_drawn(renderer: ClipRenderer) -> None:
    """The caller does not notice."""
    before = await renderer.draw(backflip_states())
    os.kill(renderer._worker_pid, signal.SIGKILL)
    after = await renderer.draw(backflip_states())
    assert after.data == before.data


async def test_stalled_worker_is_replaced(renderer: ClipRenderer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that does not answer in time counts as dead."""
    await renderer.start()
    monkeypatch.setattr(renderer, "_timeout_s", 5)
    stalled = renderer._worker_pid
    os.kill(stalled, signal.SIGSTOP)
    clip = await renderer.draw(backflip_states())
    assert clip.num_frames == 47
    assert renderer._worker_pid != stalled


async def test_worker_is_replaced_after_so_many_clips(task: Task) -> None:
    """Two clips each: the third is drawn by another process."""
    renderer = ClipRenderer(task, max_clips_per_worker=2)
    pids = []
    for _ in range(3):
        await renderer.draw(backflip_states(num_steps=8))
        pids.append(renderer._worker_pid)
    await renderer.close()
    assert pids[0] == pids[1] != pids[2]


async def test_clips_at_once_are_drawn_in_turn(renderer: ClipRenderer) -> None:
    """Callers need not wait for each other."""
    states = backflip_states(num_steps=8)
    clips = await asyncio.gather(*(renderer.draw(states) for _ in range(4)))
    assert {clip.num_frames for clip in clips} == {2}


async def test_machine_without_opengl_says_what_to_install(task: Task) -> None:
    """One line with Debian's packages."""
    renderer = ClipRenderer(task)
    renderer._backends = ("no_such_library",)
    with pytest.raises(UnavailableError, match=r"apt-get install.*libosmesa6"):
        await renderer.start()


async def test_unknown_library_is_refused(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    """MUJOCO_GL is respected, or refused by name."""
    monkeypatch.setenv("MUJOCO_GL", "glfw")
    with pytest.raises(ConfigError, match="MUJOCO_GL is 'glfw'"):
        ClipRenderer(task)
    monkeypatch.setenv("MUJOCO_GL", "osmesa")
    assert ClipRenderer(task)._backends == ("osmesa",)


async def test_reward_bar_goes_up_green_and_down_red() -> None:
    """A level of 1/2 fills half of the upper half; -1 the whole lower half."""
    up, down = (np.zeros((320, 320, 3), np.uint8) for _ in range(2))
    draw_reward_bar(up, 0.5)
    draw_reward_bar(down, -1)
    is_green = (up == (46, 160, 67)).all(axis=-1)
    is_red = (down == (207, 68, 58)).all(axis=-1)
    assert np.flatnonzero(is_green.any(axis=1)).tolist() == list(range(85, 159))
    assert np.flatnonzero(is_red.any(axis=1)).tolist() == list(range(161, 310))
    assert np.flatnonzero(is_green.any(axis=0)).tolist() == list(range(294, 310))
