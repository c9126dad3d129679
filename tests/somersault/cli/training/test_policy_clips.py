"""Clips of the policy while a run goes on."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import grpc.aio
import pytest

from somersault.cli.run.folder import RunFolder
from somersault.cli.services.connections import ServiceStubs, connect
from somersault.cli.services.ports import choose_ports
from somersault.cli.training.policy_clips import PolicyClips, clip_steps
from somersault.errors import UnavailableError
from somersault.rpc import bind, create_server
from somersault.runtime.urls import file_url
from somersault.storage import open_store
from somersault.tasks import get_task
from somersault.v1 import labeler_pb2, labeler_pb2_grpc
from tests.somersault.cli import fakes
from tests.somersault.cli.conftest import make_config
from tests.somersault.cli.monitoring.test_progress import make_progress

SERVICES = ("learner", "simulator", "reward", "labeler")


class Labeler(labeler_pb2_grpc.LabelerServiceServicer):
    """Keeps the clips that it is given; the first few tries of each kind fail."""

    def __init__(self) -> None:
        self.clips: list[labeler_pb2.PolicyClip] = []
        self.uris: list[str] = []
        self.num_failures = 0
        self.failure = grpc.StatusCode.INTERNAL
        self.num_tries = 0

    async def ListPolicyClips(self, request, context):
        """Give what is kept."""
        return labeler_pb2.ListPolicyClipsResponse(clips=self.clips)

    async def AddPolicyClip(self, request, context):
        """Keep one."""
        self.num_tries += 1
        if self.num_failures:
            self.num_failures -= 1
            await context.abort(self.failure, "disk on fire")
        self.clips.append(request.clip)
        self.uris.append(request.clip_uri)
        return labeler_pb2.AddPolicyClipResponse()


class Watcher:
    """Says how far the learner is."""

    def __init__(self) -> None:
        self.progress = make_progress(env_steps=0)

    def snapshot(self) -> Any:
        """Give what was set."""
        return self.progress

    def be_at(self, env_steps: int, **changes: object) -> None:
        """Set it."""
        self.progress = dataclasses.replace(self.progress, env_steps=env_steps, **changes)


@pytest.fixture
async def scene(tmp_path, monkeypatch) -> AsyncIterator[SimpleNamespace]:
    """A run of 1,000 steps whose services are fakes, and who films it."""
    for name in ("_POLL_S", "_RETRY_S"):
        monkeypatch.setattr(f"somersault.cli.training.policy_clips.{name}", 0.01)
    port, labeler, said, shown = choose_ports(1)[0], Labeler(), [], []
    monkeypatch.setattr(fakes, "Labeler", lambda: labeler)
    url = file_url(tmp_path)
    server = create_server()
    fakes.add_fakes(server, storage_url=url)
    bind(server, host="127.0.0.1", port=port)
    await server.start()
    async with connect(dict.fromkeys(SERVICES, f"127.0.0.1:{port}"), token="owner-token") as stubs:
        config = make_config(RunFolder(tmp_path / "run"), storage_url=url)
        yield SimpleNamespace(
            clips=_clips(stubs, url, config, said, shown),
            labeler=labeler,
            watcher=Watcher(),
            said=said,
            shown=shown,
        )
    await server.stop(None)


def _clips(
    stubs: ServiceStubs, url: str, config: Any, said: list[str], shown: list[tuple[bytes, int]]
) -> PolicyClips:
    assert stubs.labeler is not None
    return PolicyClips(
        stubs,
        stubs.labeler,
        open_store(url),
        config,
        said.append,
        lambda clip, env_steps: shown.append((clip, env_steps)),
    )


async def _until(condition) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)


async def _follow(scene, visits: list[int]) -> None:
    """Let the learner be at some steps, one after the other, and the film follow."""
    task = asyncio.create_task(scene.clips.follow(scene.watcher))
    for env_steps in visits:
        before = len(scene.labeler.clips)
        scene.watcher.be_at(env_steps)
        await _until(lambda before=before: len(scene.labeler.clips) > before)
    await asyncio.sleep(0.1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_each_tenth_begins_with_a_clip(scene) -> None:
    """One at the start and one as each tenth begins, with what was predicted and the true return."""
    await _follow(scene, [0, 120, 205])
    assert [clip.env_steps for clip in scene.labeler.clips] == [0, 120, 205]
    (clip, *_) = scene.labeler.clips
    assert not clip.is_final
    assert len(clip.predicted_rewards) == fakes.NUM_STEPS
    assert clip.true_return == 20.0
    assert clip.duration_s == 1.0
    assert scene.labeler.uris[0] == "run/policy-clips/00000003.mp4"
    assert [env_steps for _, env_steps in scene.shown] == [0, 120, 205]
    assert all(clip for clip, _ in scene.shown)


async def test_a_tenth_is_filmed_once_over_all_lives(scene) -> None:
    """A resumed run has its earlier clips and films the tenths that are left."""
    scene.labeler.clips.append(labeler_pb2.PolicyClip(policy_version=1, env_steps=150))
    scene.watcher.be_at(180)
    await _follow(scene, [310])
    assert [clip.env_steps for clip in scene.labeler.clips] == [150, 310]


async def test_a_clip_that_fails_is_made_later(scene) -> None:
    """It is said once, the run goes on, and the clip comes."""
    scene.labeler.num_failures = 3
    await _follow(scene, [0])
    assert [clip.env_steps for clip in scene.labeler.clips] == [0]
    (line,) = scene.said
    assert "could not be made, it is tried again" in line


async def test_a_clip_that_never_can_be_made_is_left_out(scene) -> None:
    """It is not asked for again and again; the next tenth's is made."""
    scene.labeler.num_failures, scene.labeler.failure = 1, grpc.StatusCode.INVALID_ARGUMENT
    following = asyncio.create_task(scene.clips.follow(scene.watcher))
    await _until(lambda: scene.said)
    await asyncio.sleep(0.2)
    assert scene.labeler.num_tries == 1
    scene.watcher.be_at(100)
    await _until(lambda: scene.labeler.clips)
    following.cancel()
    assert scene.said == ["the policy's clip could not be made, the run goes on: disk on fire"]
    assert scene.labeler.num_tries == 2


async def test_nothing_is_filmed_before_the_learner_knows_its_place(scene) -> None:
    """A learner that has not restored yet would be filmed as the beginner that it was."""
    scene.watcher.be_at(0, has_learner=False)
    await _follow(scene, [])
    assert scene.labeler.clips == []


async def test_the_last_clip_is_final(scene) -> None:
    """It is what those who answered are shown."""
    await scene.clips.film_final(env_steps=1000)
    (clip,) = scene.labeler.clips
    assert (clip.is_final, clip.env_steps) == (True, 1000)


async def test_a_last_clip_that_fails_is_an_error(scene) -> None:
    """The run's end must not pass as if there were one."""
    scene.labeler.num_failures = 1
    with pytest.raises(Exception, match="disk on fire") as raised:
        await scene.clips.film_final(env_steps=1000)
    assert not isinstance(raised.value, UnavailableError)


def test_a_clip_is_short_enough_to_be_watched() -> None:
    """A whole episode of the backflip's 3.2 s, ten seconds of a game of minutes."""
    assert clip_steps(get_task("hopper-backflip")) == 400
    pong = get_task("pong")
    assert clip_steps(pong) * pong.step_s == pytest.approx(10, abs=pong.step_s)
