"""Clips: rendered when wanted, verified before anybody sees them, given only to who may see them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio

from services.labeler import changes
from services.labeler.clips import render_queue
from somersault.domain.roles import Role
from somersault.errors import CorruptDataError, FailedPreconditionError, InvalidInputError, NotFoundError
from somersault.runtime.urls import file_url
from somersault.storage import open_store
from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import preference_pb2
from tests.services.labeler.running import (
    RUN_ID,
    RunningLabeler,
    SimulatorDouble,
    lease,
    proposal,
    refused,
    running_labeler,
    serving_simulator,
    submit,
    until,
)

LEFT, RIGHT = preference_pb2.PREFERENCE_LEFT, preference_pb2.PREFERENCE_RIGHT


@dataclass
class Studio:
    """A labeler and the simulator that renders for it."""

    labeler: RunningLabeler
    simulator: SimulatorDouble

    async def state(self, query_id: str) -> int:
        """Return a query's state."""
        request = pb.ListQueriesRequest(run_id=RUN_ID)
        listed = await self.labeler.as_role(Role.OWNER).ListQueries(request)
        return next(query.state for query in listed.queries if query.query_id == query_id)

    async def until_state(self, query_id: str, state: int) -> None:
        """Wait until a query is in a state."""

        async def is_there() -> bool:
            return await self.state(query_id) == state

        await until(is_there)


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render_queue, "_FIRST_DELAY_S", 0.02)
    monkeypatch.setattr(render_queue, "_LONGEST_DELAY_S", 0.1)
    monkeypatch.setattr(changes, "POLL_S", 0.05)


@pytest_asyncio.fixture
async def studio(tmp_path: Path) -> AsyncIterator[Studio]:
    """Serve a simulator and a labeler that knows it."""
    double = SimulatorDouble(open_store(file_url(tmp_path / "objects")))
    async with (
        serving_simulator(double) as address,
        running_labeler(tmp_path, simulator_addresses=address) as labeler,
    ):
        await labeler.create_run()
        yield Studio(labeler, double)


def _get_clip(stub: Any, query_id: str, side: int = LEFT) -> Any:
    return stub.GetClip(pb.GetClipRequest(query_id=query_id, side=side))  # type: ignore[arg-type]


async def test_a_query_becomes_visible_when_both_clips_are_stored(studio: Studio) -> None:
    """A person who waits for it gets it with both clips' digests."""
    await studio.labeler.propose("a", wants_clips=True)
    (held,) = await lease(studio.labeler.as_role(Role.LABELER), wait_s=5)
    assert held.query.state == preference_pb2.QUERY_STATE_READY
    assert len(held.query.left.clip_sha256) == len(held.query.right.clip_sha256) == 64
    assert held.query.left.clip_url == f"/clips/{held.query.query_id}/left.mp4"
    assert held.query.right.clip_url == f"/clips/{held.query.query_id}/right.mp4"
    assert (held.query.left.sealed_uri, held.query.left.segment_uri) == ("", "")


async def test_the_leased_clips_are_given(studio: Studio) -> None:
    """Each side's own bytes, while leased and after the answer."""
    await studio.labeler.propose("a", wants_clips=True)
    person = studio.labeler.as_role(Role.LABELER)
    (held,) = await lease(person, wait_s=5)
    for side, shown in ((LEFT, held.query.left), (RIGHT, held.query.right)):
        response = await _get_clip(person, held.query.query_id, side)
        assert response.clip == f"clip of {RUN_ID}/segments/{shown.segment_id}.safetensors".encode()
        assert response.clip_sha256 == shown.clip_sha256
    await submit(person, held.lease_token, "a1")
    assert (await _get_clip(person, held.query.query_id)).clip


async def test_somebody_elses_clips_are_not_given(studio: Studio) -> None:
    """Nor those of a query that does not exist, nor any side but left and right."""
    (query_id,) = await studio.labeler.propose("a", wants_clips=True)
    (held,) = await lease(studio.labeler.as_role(Role.LABELER), wait_s=5)
    other = await studio.labeler.new_labeler(Role.LABELER)
    assert isinstance(await refused(_get_clip(other, query_id)), FailedPreconditionError)
    assert isinstance(await refused(_get_clip(other, "q-none")), FailedPreconditionError)
    person = studio.labeler.as_role(Role.LABELER)
    equal = preference_pb2.PREFERENCE_EQUAL
    assert isinstance(await refused(_get_clip(person, held.query.query_id, equal)), InvalidInputError)


async def test_changed_bytes_are_found(studio: Studio) -> None:
    """DATA_LOSS, not a wrong picture."""
    await studio.labeler.propose("a", wants_clips=True)
    person = studio.labeler.as_role(Role.LABELER)
    (held,) = await lease(person, wait_s=5)
    studio.labeler.store.put(f"{RUN_ID}/clips/{held.query.left.segment_id}.mp4", b"something else")
    assert isinstance(await refused(_get_clip(person, held.query.query_id)), CorruptDataError)


async def test_a_query_without_clips_has_none_to_give(studio: Studio) -> None:
    """A teacher's query whose clips nobody wanted."""
    (query_id,) = await studio.labeler.propose("a")
    teacher = studio.labeler.as_role(Role.TEACHER)
    await lease(teacher)
    assert isinstance(await refused(_get_clip(teacher, query_id)), NotFoundError)
    assert studio.simulator.clip_uris == []


async def test_an_unavailable_simulator_is_tried_without_end(studio: Studio) -> None:
    """Ten times UNAVAILABLE is no failure of the segment."""
    studio.simulator.failures = [grpc.StatusCode.UNAVAILABLE] * 10
    (query_id,) = await studio.labeler.propose("a", wants_clips=True)
    await studio.until_state(query_id, preference_pb2.QUERY_STATE_READY)


async def test_a_segment_that_can_not_be_rendered_fails_its_query(studio: Studio) -> None:
    """After five tries of it; a teacher may still answer, a person may not."""
    studio.simulator.failures = [grpc.StatusCode.DATA_LOSS] * 100
    (query_id,) = await studio.labeler.propose("a", wants_clips=True)
    await studio.until_state(query_id, preference_pb2.QUERY_STATE_FAILED)
    uris = studio.simulator.clip_uris
    assert max(uris.count(uri) for uri in uris) <= 5
    assert await lease(studio.labeler.as_role(Role.LABELER)) == []
    assert len(await lease(studio.labeler.as_role(Role.TEACHER))) == 1


async def test_four_failures_are_survived(studio: Studio) -> None:
    """The fifth try of a clip may still succeed."""
    studio.simulator.failures = [grpc.StatusCode.INTERNAL] * 4
    (query_id,) = await studio.labeler.propose("a", wants_clips=True)
    await studio.until_state(query_id, preference_pb2.QUERY_STATE_READY)


async def test_a_clip_that_is_not_what_was_rendered_is_never_shown(studio: Studio) -> None:
    """The digest is checked by reading back; wrong five times fails the query."""
    studio.simulator.wrong_sha256 = True
    (query_id,) = await studio.labeler.propose("a", wants_clips=True)
    await studio.until_state(query_id, preference_pb2.QUERY_STATE_FAILED)


async def test_a_clip_shared_by_two_queries_is_rendered_once(studio: Studio) -> None:
    """Both become ready by it."""
    first = await studio.labeler.propose("a", wants_clips=True)
    await studio.until_state(first[0], preference_pb2.QUERY_STATE_READY)
    request = pb.ProposeQueriesRequest(
        run_id=RUN_ID,
        proposals=[
            pb.Proposal(
                proposal_id="again",
                first=proposal("a").first,
                second=proposal("b").second,
                wants_clips=True,
            )
        ],
    )
    response = await studio.labeler.as_role(Role.SERVICE).ProposeQueries(request)
    await studio.until_state(response.query_ids[0], preference_pb2.QUERY_STATE_READY)
    assert len(studio.simulator.clip_uris) == len(set(studio.simulator.clip_uris)) == 3


async def test_a_teachers_answer_does_not_stop_the_rendering(studio: Studio) -> None:
    """Clips for the page are rendered even of queries that a teacher was quick to answer."""
    studio.simulator.failures = [grpc.StatusCode.UNAVAILABLE] * 3
    (query_id,) = await studio.labeler.propose("a", wants_clips=True)
    teacher = studio.labeler.as_role(Role.TEACHER)
    (held,) = await lease(teacher)
    await submit(teacher, held.lease_token, "a1")

    async def clip() -> Any:
        try:
            return await _get_clip(teacher, query_id)
        except grpc.aio.AioRpcError:
            return None

    assert (await until(clip)).clip
    assert await studio.state(query_id) == preference_pb2.QUERY_STATE_ANSWERED


async def test_a_restart_goes_on_rendering(tmp_path: Path) -> None:
    """What was wanted is in the database."""
    async with running_labeler(tmp_path) as labeler:
        await labeler.create_run()
        await labeler.propose("a", wants_clips=True)
    double = SimulatorDouble(open_store(file_url(tmp_path / "objects")))
    async with (
        serving_simulator(double) as address,
        running_labeler(tmp_path, simulator_addresses=address) as labeler,
    ):
        assert len(await lease(labeler.as_role(Role.LABELER), wait_s=5)) == 1


async def test_all_simulators_take_part(tmp_path: Path) -> None:
    """Eight clips over two simulators: four each."""
    store = open_store(file_url(tmp_path / "objects"))
    one, two = SimulatorDouble(store), SimulatorDouble(store)
    async with (
        serving_simulator(one) as first,
        serving_simulator(two) as second,
        running_labeler(tmp_path, simulator_addresses=f"{first},{second}") as labeler,
    ):
        await labeler.create_run()
        await labeler.propose("a", "b", "c", "d", wants_clips=True)
        assert len(await until(lambda: _ready(labeler, 4))) == 4
    assert len(one.clip_uris) == len(two.clip_uris) == 4


async def _ready(labeler: RunningLabeler, count: int) -> list[Any]:
    request = pb.ListQueriesRequest(run_id=RUN_ID, state=preference_pb2.QUERY_STATE_READY)
    queries = list((await labeler.as_role(Role.OWNER).ListQueries(request)).queries)
    return queries if len(queries) == count else []
