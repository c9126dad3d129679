"""Clips that vanish from the store, or change in it, after they were verified."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio

from services.labeler import changes
from services.labeler.clips import render_queue
from somersault.domain.keys import clip_key
from somersault.domain.roles import Role
from somersault.errors import CorruptDataError, NotFoundError
from somersault.runtime.urls import file_url
from somersault.storage import ObjectStore, open_store
from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import preference_pb2
from tests.services.labeler.clips.test_render_queue import LEFT, Studio
from tests.services.labeler.running import (
    RUN_ID,
    SimulatorDouble,
    lease,
    refused,
    running_labeler,
    serving_simulator,
    submit,
)

READY, RENDERING = preference_pb2.QUERY_STATE_READY, preference_pb2.QUERY_STATE_RENDERING


@pytest_asyncio.fixture
async def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Studio]:
    """Serve a simulator and a labeler that knows it; failed clips are tried again soon."""
    monkeypatch.setattr(render_queue, "_FIRST_DELAY_S", 0.02)
    monkeypatch.setattr(render_queue, "_LONGEST_DELAY_S", 0.1)
    monkeypatch.setattr(changes, "POLL_S", 0.05)
    double = SimulatorDouble(open_store(file_url(tmp_path / "objects")))
    async with (
        serving_simulator(double) as address,
        running_labeler(tmp_path, simulator_addresses=address) as labeler,
    ):
        await labeler.create_run()
        yield Studio(labeler, double)


def _get_clip(stub: Any, query_id: str) -> Any:
    return stub.GetClip(pb.GetClipRequest(query_id=query_id, side=LEFT))  # type: ignore[arg-type]


def _flip(store: ObjectStore, key: str) -> None:
    data = bytearray(store.get(key))
    data[3] ^= 4
    store.put(key, bytes(data))


async def _damage(studio: Studio, query: Any, *, is_gone: bool) -> None:
    key = clip_key(RUN_ID, query.left.segment_id)
    if is_gone:
        studio.labeler.store.delete(key)
    else:
        _flip(studio.labeler.store, key)


@pytest.mark.parametrize("is_gone", [True, False], ids=["gone", "changed"])
async def test_a_clip_that_was_lost_is_rendered_again_by_itself(studio: Studio, is_gone: bool) -> None:
    """Its pair is held back meanwhile, another is leased, and the answer to it counts in the end."""
    lost, other = await studio.labeler.propose("a", "b", wants_clips=True)
    person = studio.labeler.as_role(Role.LABELER)
    for query_id in (lost, other):
        await studio.until_state(query_id, READY)
    (held,) = await lease(person)
    assert held.query.query_id == lost
    await _damage(studio, held.query, is_gone=is_gone)
    studio.simulator.failures = [grpc.StatusCode.UNAVAILABLE] * 3
    error = await refused(_get_clip(person, lost))
    assert isinstance(error, NotFoundError if is_gone else CorruptDataError)
    assert "is rendered again" in str(error)
    assert "/" not in str(error)
    assert await studio.state(lost) == RENDERING
    back = pb.ReleaseQueryRequest(lease_token=held.lease_token, is_returned=True)
    await person.ReleaseQuery(back)
    assert [one.query.query_id for one in await lease(person, count=2)] == [other]
    await studio.until_state(lost, READY)
    (held,) = await lease(person)
    assert held.query.query_id == lost
    assert (await _get_clip(person, lost)).clip_sha256 == held.query.left.clip_sha256
    await submit(person, held.lease_token, "a1")


async def test_who_has_the_clips_may_still_answer(studio: Studio) -> None:
    """Their lease goes on: what they saw was what was stored."""
    (query_id,) = await studio.labeler.propose("a", wants_clips=True)
    person = studio.labeler.as_role(Role.LABELER)
    (held,) = await lease(person, wait_s=5)
    await _damage(studio, held.query, is_gone=True)
    studio.simulator.failures = [grpc.StatusCode.UNAVAILABLE] * 1000
    await refused(_get_clip(studio.labeler.as_role(Role.OWNER), query_id))
    assert (await submit(person, held.lease_token, "a1")).cursor == 1


async def test_the_clip_of_an_answered_query_comes_back_too(studio: Studio) -> None:
    """For its owner and whoever answered it."""
    (query_id,) = await studio.labeler.propose("a", wants_clips=True)
    person = studio.labeler.as_role(Role.LABELER)
    (held,) = await lease(person, wait_s=5)
    await submit(person, held.lease_token, "a1")
    await _damage(studio, held.query, is_gone=True)
    await refused(_get_clip(person, query_id))
    for _ in range(100):
        try:
            assert (await _get_clip(person, query_id)).clip
            break
        except grpc.aio.AioRpcError:
            await render_queue.asyncio.sleep(0.05)
    assert await studio.state(query_id) == preference_pb2.QUERY_STATE_ANSWERED


async def test_a_query_whose_segment_is_gone_too_fails(studio: Studio) -> None:
    """Then nothing can render it: the reward service hears that it is gone, and proposes another."""
    (query_id,) = await studio.labeler.propose("a", wants_clips=True)
    person = studio.labeler.as_role(Role.LABELER)
    (held,) = await lease(person, wait_s=5)
    await _damage(studio, held.query, is_gone=True)
    studio.simulator.failures = [grpc.StatusCode.NOT_FOUND] * 100
    await refused(_get_clip(person, query_id))
    await studio.until_state(query_id, preference_pb2.QUERY_STATE_FAILED)
    assert await lease(person) == []
