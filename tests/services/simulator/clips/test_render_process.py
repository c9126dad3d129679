"""Clips show what happened, come out the same each time, and survive their worker."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import zlib
from collections.abc import AsyncIterator
from typing import Any

import av
import numpy as np
import pytest
import pytest_asyncio

from services.simulator.clips.render_process import RenderProcess
from somersault.errors import ConfigError, CorruptDataError, UnavailableError
from somersault.tasks import Task, get_task

pytestmark = pytest.mark.asyncio(loop_scope="module")


def backflip(*, num_steps: int = 188) -> dict[str, Any]:
    """A made-up jump that turns backwards once: states of time, x, z, angle, joints, velocities."""
    share = np.linspace(0, 1, num_steps + 1)
    states = np.zeros((num_steps + 1, 13))
    states[:, 0] = np.arange(num_steps + 1) * 0.008
    states[:, 1] = -1.5 * share
    states[:, 2] = 1.25 + 2.4 * share * (1 - share)
    states[:, 3] = -2 * np.pi * share
    return {"footage": {"states": states}, "num_steps": num_steps}


def _read(data: bytes) -> tuple[list[np.ndarray], float]:
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.video[0]
        rate = float(stream.average_rate or 0)
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)], rate


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def renderer() -> AsyncIterator[RenderProcess]:
    """A renderer with a worker, which the tests of this module share; each leaves it usable."""
    renderer = RenderProcess(get_task("hopper-backflip"))
    yield renderer
    await renderer.close()


async def test_clip_is_a_web_video_in_real_time(renderer: RenderProcess) -> None:
    """38 frames of 320 x 320 at 25 a second, 1.5 s; its index is first, so that it plays at once."""
    clip = await renderer.render(**backflip())
    frames, rate = _read(clip.data)
    assert len(frames) == clip.num_frames == 38
    assert frames[0].shape == (320, 320, 3)
    assert rate == 25
    assert clip.data.index(b"moov") < clip.data.index(b"mdat")
    assert len(clip.data) < 100_000


async def test_same_segment_gives_same_bytes(renderer: RenderProcess) -> None:
    """Whichever process renders it, the SHA-256 stays the same."""
    flip = backflip()
    assert len({(await renderer.render(**flip)).data for _ in range(3)}) == 1


async def test_body_is_in_the_frame_and_turns(renderer: RenderProcess) -> None:
    """The yellow head is above the orange torso at first and below it half a turn later."""
    frames, _ = _read((await renderer.render(**backflip())).data)

    def height_of(frame: np.ndarray, rgb: tuple[int, int, int]) -> float:
        rows, _ = np.nonzero(np.abs(frame.astype(int) - rgb).max(axis=-1) < 40)
        assert len(rows) > 20
        return float(-rows.mean())

    head, torso = (250, 199, 89), (214, 106, 38)
    assert height_of(frames[0], head) > height_of(frames[0], torso) + 10
    assert height_of(frames[18], head) < height_of(frames[18], torso) - 10


async def test_killed_worker_is_replaced_and_the_clip_rendered(renderer: RenderProcess) -> None:
    """The caller does not notice."""
    before = await renderer.render(**backflip())
    os.kill(renderer._worker_pid, signal.SIGKILL)
    after = await renderer.render(**backflip())
    assert after.data == before.data


async def test_stalled_worker_is_replaced(renderer: RenderProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that does not answer in time counts as dead."""
    await renderer.start()
    monkeypatch.setattr(renderer, "_timeout_s", 5)
    stalled = renderer._worker_pid
    os.kill(stalled, signal.SIGSTOP)
    clip = await renderer.render(**backflip())
    assert clip.num_frames == 38
    assert renderer._worker_pid != stalled


async def test_worker_is_replaced_after_so_many_clips(task: Task) -> None:
    """Two clips each: the third is rendered by another process."""
    renderer = RenderProcess(task, max_clips_per_worker=2)
    pids = []
    for _ in range(3):
        await renderer.render(**backflip(num_steps=8))
        pids.append(renderer._worker_pid)
    await renderer.close()
    assert pids[0] == pids[1] != pids[2]


async def test_clips_at_once_are_rendered_in_turn(renderer: RenderProcess) -> None:
    """Callers don't have to wait for each other."""
    flip = backflip(num_steps=8)
    clips = await asyncio.gather(*(renderer.render(**flip) for _ in range(4)))
    assert {clip.num_frames for clip in clips} == {2}


async def test_machine_without_opengl_says_what_to_install(task: Task) -> None:
    """One line with Debian's packages."""
    renderer = RenderProcess(task)
    renderer._backends = ("no_such_library",)
    with pytest.raises(UnavailableError, match=r"apt-get install.*libosmesa6"):
        await renderer.start()


async def test_unknown_library_is_refused(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    """MUJOCO_GL is respected, or refused by name."""
    monkeypatch.setenv("MUJOCO_GL", "glfw")
    with pytest.raises(ConfigError, match="MUJOCO_GL is 'glfw'"):
        RenderProcess(task)
    monkeypatch.setenv("MUJOCO_GL", "osmesa")
    assert RenderProcess(task)._backends == ("osmesa",)


async def test_clips_of_pictures_need_no_opengl(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever MUJOCO_GL says: two pictures of 5 x 3, enlarged to 320 x 192 and played at 25 a second."""
    monkeypatch.setenv("MUJOCO_GL", "glfw")
    pictures = np.full((2, 3, 5, 3), (200, 30, 30), np.uint8)
    pictures[1] -= pictures[0]
    packed = np.frombuffer(zlib.compress(pictures.tobytes()), np.uint8)
    footage = {"groups": packed, "group_bytes": np.array([len(packed)]), "group_pictures": np.array([2])}
    footage |= {"picture_steps": np.array([0, 2]), "picture_shape": np.array([3, 5, 3])}
    renderer = RenderProcess(get_task("CartPole-v1"))
    await renderer.start()
    clip = await renderer.render(footage, num_steps=4, predicted_rewards=np.ones(4, np.float32))
    sized = await renderer.render(footage, num_steps=4, size_px=64)
    with pytest.raises(CorruptDataError):
        await renderer.render(footage | {"group_pictures": np.array([1])}, num_steps=4)
    await renderer.close()
    frames, rate = _read(clip.data)
    assert (clip.num_frames, rate) == (2, 25)
    assert frames[0].shape == (
        192,
        344,
        3,
    )  # a panel for the bar, an eighth of the height, beside the picture
    np.testing.assert_allclose(frames[1][:, :310].mean(axis=(0, 1)), (200, 30, 30), atol=4)
    assert _read(sized.data)[0][0].shape == (38, 64, 3)  # the longer side is what was asked for


async def test_clips_of_games_need_no_opengl(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pong from its log: 4 wide by 3 high, a frame a step."""
    monkeypatch.setenv("MUJOCO_GL", "glfw")
    renderer = RenderProcess(get_task("pong"))
    footage = {"log": np.zeros(6, np.uint8), "games": np.array([[0, 1, 3]])}
    clip = await renderer.render(footage, num_steps=4)
    sized = await renderer.render(footage, num_steps=4, size_px=300)
    await renderer.close()
    assert _read(sized.data)[0][0].shape == (300, 400, 3)
    frames, rate = _read(clip.data)
    assert (clip.num_frames, rate, frames[0].shape) == (4, 15, (420, 560, 3))
