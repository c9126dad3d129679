"""A scrape tells how it stands now, without anybody having asked for it by rpc."""

from __future__ import annotations

import asyncio
import socket
import urllib.request
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import prometheus_client.parser
import pytest

from services.labeler.oversight import gauges, overview_repository
from somersault.domain.roles import Role
from somersault.v1 import preference_pb2
from tests.services.labeler.judging import answer, update_run
from tests.services.labeler.running import RUN_ID, RunningLabeler, lease, running_labeler, submit, until
from tests.services.labeler.test_crash import Process

# As the service, but for how often it refreshes and how long after its end a lease is counted.
_OFTEN = """
import sys
from services.labeler.application import build
from services.labeler.config import LabelerConfig
from services.labeler.oversight import gauges, overview_repository
from somersault.runtime import app

gauges.REFRESH_S, overview_repository._GRACE_MS = 0.2, 0
sys.exit(app.main("labeler", LabelerConfig, build))
"""

_Values = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
async def process(tmp_path: Path) -> AsyncIterator[Process]:
    """Return a labeler that is not running yet."""
    one = Process(tmp_path)
    yield one
    await one.labeler.close()
    await one.kill()


def _scrape(port: int) -> _Values:
    """Return the samples by name and labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as response:
        text = response.read().decode()
    return {
        (sample.name.removeprefix("somersault_labeler_"), frozenset(sample.labels.items())): sample.value
        for family in prometheus_client.parser.text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("somersault_labeler_")
    }


def _key(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


async def _until(port: int, is_there: Callable[[_Values], bool]) -> _Values:
    async def look() -> _Values | None:
        values = await asyncio.to_thread(_scrape, port)
        return values if is_there(values) else None

    found: _Values = await until(look, timeout_s=20)
    return found


async def _work(labeler: RunningLabeler) -> None:
    """Four queries of two answers: one answered alike, one unlike, one leased by who never answers, one ready."""
    await labeler.create_run()
    await update_run(labeler, target_answers=2)
    await labeler.propose("a", "b", "c", "d")
    one, other = labeler.as_role(Role.TEACHER), await labeler.new_labeler()
    await answer(one, "a1")
    await answer(one, "b1")
    await answer(other, "a2")
    (held,) = await lease(other)
    await submit(other, held.lease_token, "b2", preference_pb2.PREFERENCE_RIGHT)
    assert len(await lease(one, lease_s=1)) == 1


async def test_a_scrape_is_fresh_by_itself(process: Process) -> None:
    """Proposed, leased, answered by kind, expired, per hour, agreement, age: all of a process that nobody asks."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    await process.start("-c", _OFTEN, f"--metrics-port={port}")
    await _work(process.labeler)
    values = await _until(port, lambda values: values.get(_key("leases_expired_total"), 0) == 1)
    expected = {
        _key("queries_proposed_total", wants_clips="false"): 4,
        _key("queries_leased_total", role="teacher"): 5,
        _key("answers_total", role="teacher", preference="left", is_extra="false"): 3,
        _key("answers_total", role="teacher", preference="right", is_extra="false"): 1,
        _key("answer_seconds_count", role="teacher"): 4,
        _key("leases_expired_total"): 1,
    }
    assert {key: values.get(key) for key in expected} == expected
    values = await _until(
        port, lambda values: values.get(_key("num_queries", run_id=RUN_ID, state="ready")) == 2
    )
    shown = {
        _key("num_queries", run_id=RUN_ID, state="answered"): 2,
        _key("num_queries", run_id=RUN_ID, state="leased"): 0,
        _key("answers_per_hour", run_id=RUN_ID, role="teacher"): 4,
        _key("answers_per_hour", run_id=RUN_ID, role="labeler"): 0,
        _key("agreement_ratio", run_id=RUN_ID): 0.5,
    }
    assert {key: values.get(key) for key in shown} == shown
    assert 0 < values[_key("oldest_ready_age_seconds", run_id=RUN_ID)] < 60


async def test_a_lease_that_ends_is_counted_by_one_replica_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And its labeler may answer late, as ever."""
    monkeypatch.setattr(overview_repository, "_GRACE_MS", 0)
    counted: list[int] = []
    close = overview_repository.close_expired

    def close_and_note(connection: object) -> int:
        counted.append(close(connection))  # type: ignore[arg-type]
        return counted[-1]

    monkeypatch.setattr(overview_repository, "close_expired", close_and_note)
    monkeypatch.setattr(gauges, "REFRESH_S", 0.1)
    async with running_labeler(tmp_path) as one, running_labeler(tmp_path):
        await one.create_run()
        await one.propose("a", "b")
        held, _ = await lease(one.as_role(Role.TEACHER), count=2, lease_s=1)

        async def is_counted() -> bool:
            return sum(counted) >= 2

        await until(is_counted)
        await asyncio.sleep(0.3)
        assert sum(counted) == 2
        assert not (await submit(one.as_role(Role.TEACHER), held.lease_token, "a1")).is_extra
        assert len(await lease(await one.new_labeler(), count=5)) == 1
