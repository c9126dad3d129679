"""Fifty kills of the labeler, at its failpoints and at any time, in lives of a fraction of a second each."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from somersault.domain.roles import Role
from somersault.runtime.urls import file_url, sqlite_url
from somersault.storage import open_store
from somersault.v1 import labeler_pb2 as pb
from tests.faults.labelers import Journal, answer_until, problems_of
from tests.faults.zygote import Zygote
from tests.services.labeler.running import RUN_ID, RunningLabeler, proposal, write_tokens
from tests.somersault.storage.conftest import find_free_port

NUM_KILLS = 50
NUM_LABELERS = 4
LONGEST_LIFE_S = 0.4
POINTS = (
    "labeler.commit.before",
    "labeler.commit.after",
    "labeler.answer.reply",
    "labeler.queries.reply",
    "",
)


class _Lives:
    """One labeler after the other, on one port and one database."""

    def __init__(self, zygote: Zygote, folder: Path, generator: random.Random) -> None:
        self._zygote = zygote
        self._generator = generator
        port = find_free_port()
        self._arguments = (
            f"--port={port}",
            f"--database-url={sqlite_url(folder / 'labels.sqlite')}",
            f"--storage-url={file_url(folder / 'objects')}",
            f"--token-path={write_tokens(folder)}",
        )
        self._log = folder / "log"
        self.labeler = RunningLabeler(port, open_store(file_url(folder / "objects")))

    async def start(self, *, point: str = "") -> int:
        """Begin a life that ends at a failpoint; return its process id once it answers."""
        failpoints = f"{point}=kill@{self._generator.randint(1, 9)}" if point else ""
        pid = await self._zygote.start(*self._arguments, failpoints=failpoints, log=self._log)
        owner = self.labeler.as_role(Role.OWNER)
        ended = asyncio.ensure_future(self._zygote.ended(pid))
        while not ended.done():  # a life may end before anyone has seen it
            with contextlib.suppress(Exception):
                await owner.WhoAmI(pb.WhoAmIRequest(), timeout=1, wait_for_ready=True)
                break
        return pid

    async def end(self, pid: int) -> None:
        """Wait for the failpoint, not for long, then kill."""
        ended = asyncio.ensure_future(self._zygote.ended(pid))
        await asyncio.wait({ended}, timeout=self._generator.uniform(0.1, LONGEST_LIFE_S))
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        assert await ended == -signal.SIGKILL, self._log.read_text()[-2000:]


async def _propose_until(is_over: Callable[[], bool], stub: Any, journal: Journal) -> None:
    number = 0
    while not is_over():
        names = [f"p{number + index}" for index in range(20)]
        request = pb.ProposeQueriesRequest(run_id=RUN_ID, proposals=map(proposal, names))
        assert await journal.call(stub.ProposeQueries, request) is not None
        number += len(names)
        await asyncio.sleep(0.2)


@pytest.mark.timeout(240)
async def test_fifty_kills_lose_and_double_nothing(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Whatever the moment: what a labeler was told is in the log as it was told, once."""
    generator, journal, num_kills = random.Random(12), Journal(), 0
    ready_s: list[float] = []
    async with Zygote() as zygote:
        lives = _Lives(zygote, tmp_path, generator)
        labeler = lives.labeler
        pid = await lives.start()
        await labeler.create_run()
        stubs = [await labeler.new_labeler() for _ in range(NUM_LABELERS)]

        def is_over() -> bool:
            return num_kills == NUM_KILLS

        async with asyncio.TaskGroup() as group:
            group.create_task(_propose_until(is_over, labeler.as_role(Role.SERVICE), journal))
            for stub in stubs:
                group.create_task(
                    answer_until(is_over, stub, journal, run_id=RUN_ID, generator=random.Random(num_kills))
                )
            while num_kills < NUM_KILLS:
                await lives.end(pid)
                begin_s = time.monotonic()
                pid = await lives.start(
                    point=POINTS[num_kills % len(POINTS)] if num_kills < NUM_KILLS - 1 else ""
                )
                ready_s.append(time.monotonic() - begin_s)
                num_kills += 1
        log = await labeler.log()
        await labeler.close()
    record_property("ready_s", sorted(ready_s))
    assert problems_of(journal, log) == []
    assert len(journal.acknowledged) > NUM_KILLS
    assert journal.refused["UNAVAILABLE"] > NUM_KILLS / 2, "the kills hit nobody"


def test_a_wrong_log_is_told() -> None:
    """The judge itself: each way to lose or double an answer is named."""
    record = pb.SubmitPreferenceResponse().record
    journal = Journal(sent={"a", "b"})
    for name, cursor in (("a", 1), ("b", 2)):
        journal.acknowledged[name] = type(record)(
            answer_id=name, query_id=f"q{name}", cursor=cursor, version=1
        )
    a, b = journal.acknowledged.values()
    changed = type(record)(answer_id="b", query_id="qb", cursor=2, version=1, labeler_id="another")
    foreign = type(record)(answer_id="c", query_id="qc", cursor=3, version=1)
    twice = type(record)(answer_id="b", query_id="qa", cursor=2, version=1)
    assert problems_of(journal, [a, b]) == []
    assert [text[2:] for text in problems_of(journal, [a])] == ["acknowledged answers lost, such as b"]
    for log, told in (
        ([a, changed], "changed"),
        ([a, b, foreign], "nobody gave"),
        ([a, b, b], "doubled"),
        ([a, twice], "too many"),
        ([b], "gaps"),
    ):
        assert any(told in text for text in problems_of(journal, log)), told
