"""The checks of a front end: ours passes all of them, and one that misbehaves fails the rule that it breaks."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio

from somersault import rpc
from somersault.compliance import Verdict
from somersault.compliance.client import NUM_QUERIES
from somersault.compliance.client_rules import Quiet, judge
from somersault.compliance.front_end import running
from somersault.compliance.proxy import LabelerProxy
from somersault.compliance.reference import HEADLINE
from somersault.compliance.sighting import Sighting
from somersault.domain.roles import Role
from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import labeler_pb2_grpc, preference_pb2
from tests.docs.documents import ROOT
from tests.services.labeler.judging import labeler_with_clips
from tests.services.labeler.running import RUN_ID, TOKENS, RunningLabeler

PROGRAM = (sys.executable, "-m", "somersault.cli", "compliance", "client")
LEFT, RIGHT = preference_pb2.PREFERENCE_LEFT, preference_pb2.PREFERENCE_RIGHT


def test_our_example_passes_every_rule() -> None:
    """The whole program with the terminal's front end: answers, a skip, an undo and failures on purpose."""
    front_end = [
        sys.executable,
        "examples/labeling_front_end.py",
        "--address",
        "{address}",
        "--token={token}",
        "--run-id={run_id}",
    ]
    command = [*PROGRAM, "--time-limit-s", "100", "--json"]
    ended = subprocess.run(
        [*command, "--", *front_end],
        check=False,
        cwd=ROOT,
        input="adswkzdaadasad",
        capture_output=True,
        text=True,
        timeout=200,
    )

    outcomes = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [outcome for outcome in outcomes if outcome["verdict"] != Verdict.PASSED] == [], ended.stderr
    assert len(outcomes) == 18
    assert ended.returncode == 0
    assert "Prefer the *livelier* square." in ended.stderr
    assert ended.stderr.count(".mp4") == 2 * NUM_QUERIES
    assert f"thank you! {HEADLINE}" in ended.stderr


async def test_the_end_of_the_front_end_is_noticed() -> None:
    """Nobody waits for a program that has ended."""
    ended = asyncio.Event()
    async with running([sys.executable, "-c", "pass"], ended), asyncio.timeout(20):
        await ended.wait()


@pytest.fixture
def not_runnable(tmp_path: Path) -> str:
    """A file that nobody may run."""
    (tmp_path / "front_end.sh").write_text("#!/bin/sh\n")
    return str(tmp_path / "front_end.sh")


def _tried(*front_end: str) -> tuple[int, list[str]]:
    """Return the exit code and what reached standard error, less where the labeler is."""
    ended = subprocess.run(
        [*PROGRAM, "--time-limit-s", "60", "--", *front_end],
        check=False, cwd=ROOT, capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    place = ("address ", "gateway ", "token ", "run_id ", "Answer every pair")
    return ended.returncode, [line for line in ended.stderr.splitlines() if not line.startswith(place)]


def test_a_program_that_is_not_there_is_one_line(not_runnable: str) -> None:
    """What it was and what would do; nothing is started for it."""
    expected = "COMMAND is 'nosuchprog', must be a program on the PATH or the path of one"
    assert _tried("nosuchprog", "{token}") == (2, [f"somersault: error: {expected}"])
    code, (line,) = _tried(not_runnable)
    assert (code, line) == (
        2,
        f"somersault: error: COMMAND is {not_runnable!r}, must be an executable program (chmod +x)",
    )


def test_a_program_without_its_interpreter_is_one_line(tmp_path: Path) -> None:
    """It may be run, and can't."""
    program = tmp_path / "front_end.sh"
    program.write_text("#!/nowhere/sh\n")
    program.chmod(0o755)
    code, (line,) = _tried(str(program))
    assert code == 1
    assert line == f"somersault: error: {str(program)!r} can't be started: No such file or directory"


@pytest.mark.parametrize(
    ("program", "end"),
    [
        ("import sys; sys.exit(3)", "ended by itself with exit code 3"),
        ("import os; os.kill(os.getpid(), 9)", "was killed by SIGKILL"),
    ],
)
def test_a_program_that_ends_before_it_asks_is_not_judged(program: str, end: str) -> None:
    """One line says how it ended, instead of eighteen rules that nothing was seen of."""
    code, (line,) = _tried(sys.executable, "-c", program)
    assert code == 1
    assert line.startswith(f"somersault: error: {sys.executable!r} {end} before it asked for a pair")


def test_ctrl_c_tells_what_was_seen(tmp_path: Path) -> None:
    """Who does not want to wait any longer gets the list, and nothing goes on running."""
    process = subprocess.Popen(PROGRAM, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        place = dict(process.stderr.readline().split() for _ in range(4))  # type: ignore[union-attr]
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=100)
    finally:
        process.kill()

    assert process.returncode == 1
    assert "FAIL      each answer has a key of its own" in out
    assert "not seen  undo is the next version" in out
    host, port = place["address"].split(":")
    with socket.socket() as probe:
        assert probe.connect_ex((host, int(port))) != 0


class FrontEnd:
    """A person's front end before the watched labeler, whose every habit a test can spoil."""

    def __init__(self, address: str, sighting: Sighting) -> None:
        """Dials."""
        self.sighting = sighting
        self._channel = rpc.open_channel(address, token=TOKENS[Role.LABELER])
        self._stub = labeler_pb2_grpc.LabelerServiceStub(self._channel)
        self.began = time.monotonic()

    async def call(self, method: str, request: Any, *, timeout: float | None = 5) -> Any:
        """Call once more after UNAVAILABLE."""
        with contextlib.suppress(grpc.aio.AioRpcError):
            return await self.once(method, request, timeout=timeout)
        time.sleep(0.1)
        return await self.once(method, request, timeout=timeout)

    async def once(self, method: str, request: Any, *, timeout: float | None = 5) -> Any:
        """Call."""
        return await getattr(self._stub, method)(request, timeout=timeout)

    async def lease(self, *, count: int = 1, wait_s: float = 0) -> list[Any]:
        """Leases."""
        request = pb.LeaseQueriesRequest(run_id=RUN_ID, count=count, wait_s=wait_s)
        return list((await self.call("LeaseQueries", request, timeout=wait_s + 5)).leases)

    async def look(self, held: Any) -> None:
        """Fetch guidelines and both clips."""
        version = held.query.guidelines_version
        await self.call("GetGuidelines", pb.GetGuidelinesRequest(run_id=RUN_ID, version=version))
        for side in (LEFT, RIGHT):
            await self.call("GetClip", pb.GetClipRequest(query_id=held.query.query_id, side=side))

    def answer(self, held: Any, answer_id: str, **changed: Any) -> pb.SubmitPreferenceRequest:
        """Return the request of an answer."""
        values = {"preference": LEFT, "response_ms": 1, **changed}
        return pb.SubmitPreferenceRequest(lease_token=held.lease_token, answer_id=answer_id, **values)

    def verdicts(self, quiet: Quiet | None = None) -> dict[str, Verdict]:
        """Return each rule's verdict by its name."""
        return {outcome.name: outcome.verdict for outcome in judge(self.sighting, quiet)}

    async def close(self) -> None:
        """Hang up."""
        await self._channel.close()


@pytest_asyncio.fixture
async def front_end(tmp_path: Path) -> AsyncIterator[FrontEnd]:
    """A front end before a labeler with four pairs and guidelines."""
    async with labeler_with_clips(tmp_path, "a", "b", "c", "d", gold_interval=0) as labeler:
        text = pb.SetGuidelinesRequest(run_id=RUN_ID, text="Whole flips.")
        await labeler.as_role(Role.OWNER).SetGuidelines(text)
        async with _watched(labeler) as (address, sighting):
            one = FrontEnd(address, sighting)
            yield one
            await one.close()


@pytest_asyncio.fixture
async def finished(tmp_path: Path) -> AsyncIterator[FrontEnd]:
    """A front end before a labeler whose run is finished."""
    async with labeler_with_clips(tmp_path, "a", gold_interval=0) as labeler:
        end = pb.UpdateRunRequest(run_id=RUN_ID, state=pb.RUN_STATE_FINISHED)
        await labeler.as_role(Role.OWNER).UpdateRun(end)
        async with _watched(labeler) as (address, sighting):
            one = FrontEnd(address, sighting)
            yield one
            await one.close()


@contextlib.asynccontextmanager
async def _watched(labeler: RunningLabeler) -> AsyncIterator[tuple[str, Sighting]]:
    sighting = Sighting()
    server = rpc.create_server()
    proxy = LabelerProxy(labeler.address, sighting.around)
    proxy.add_to(server)
    port = rpc.bind(server, host="127.0.0.1", port=0)
    await server.start()
    yield f"127.0.0.1:{port}", sighting
    await server.stop(None)
    await proxy.close()


async def _behaves(one: FrontEnd) -> None:
    for number in range(4):
        (held,) = await one.lease()
        await one.look(held)
        await one.call("SubmitPreference", one.answer(held, f"answer-{number}"))


async def _names_repeats_anew(one: FrontEnd) -> None:
    (held,) = await one.lease()
    await one.look(held)
    for number in range(2):
        with contextlib.suppress(grpc.aio.AioRpcError):
            await one.once("SubmitPreference", one.answer(held, f"try-{number}"))


async def _does_not_repeat(one: FrontEnd) -> None:
    (held,) = await one.lease()
    with contextlib.suppress(grpc.aio.AioRpcError):
        await one.once("SubmitPreference", one.answer(held, "answer"))


async def _changes_repeats(one: FrontEnd) -> None:
    (held,) = await one.lease()
    for preference in (LEFT, RIGHT):
        with contextlib.suppress(grpc.aio.AioRpcError):
            await one.once("SubmitPreference", one.answer(held, "answer", preference=preference))


async def _tells_no_time(one: FrontEnd) -> None:
    (held,) = await one.lease()
    await one.call("SubmitPreference", one.answer(held, "answer", response_ms=0))


async def _tells_an_impossible_time(one: FrontEnd) -> None:
    (held,) = await one.lease()
    await one.call("SubmitPreference", one.answer(held, "answer", response_ms=60_000))


async def _answers_too_late(one: FrontEnd) -> None:
    (held,) = await one.lease()
    one.sighting.leases[held.lease_token].end = time.monotonic() - 1
    await one.call("SubmitPreference", one.answer(held, "answer"))


async def _answers_unseen(one: FrontEnd) -> None:
    (held,) = await one.lease()
    await one.call("GetClip", pb.GetClipRequest(query_id=held.query.query_id, side=LEFT))
    await one.call("SubmitPreference", one.answer(held, "answer"))


async def _asks_for_too_many(one: FrontEnd) -> None:
    with contextlib.suppress(grpc.aio.AioRpcError):
        await one.lease(count=11)


async def _hammers(one: FrontEnd) -> None:
    for _ in range(3):
        with contextlib.suppress(grpc.aio.AioRpcError):
            await one.once("LeaseQueries", pb.LeaseQueriesRequest(run_id=RUN_ID, count=1))


async def _waits_for_ever(one: FrontEnd) -> None:
    await one.call("WhoAmI", pb.WhoAmIRequest(), timeout=None)


async def _keeps_a_query(one: FrontEnd) -> None:
    await one.lease(count=2)


@pytest.mark.parametrize(
    ("habit", "breaks"),
    [
        (_names_repeats_anew, "each answer has a key of its own"),
        (_does_not_repeat, "an answer is sent until it is acknowledged"),
        (_changes_repeats, "a repeat is the same"),
        (_tells_no_time, "an answer tells its time"),
        (_tells_an_impossible_time, "an answer tells its time"),
        (_answers_too_late, "no answer is given under an ended lease"),
        (_answers_unseen, "both clips are fetched"),
        (_answers_unseen, "guidelines are read"),
        (_asks_for_too_many, "it asks for what it may"),
        (_asks_for_too_many, "nothing that it sends is refused as wrong"),
        (_hammers, "it asks again"),
        (_waits_for_ever, "every call has a deadline"),
        (_keeps_a_query, "every lease is settled"),
    ],
)
async def test_a_bad_habit_breaks_its_rule(
    front_end: FrontEnd, habit: Callable[[FrontEnd], Any], breaks: str
) -> None:
    """The rule fails for who has the habit."""
    await habit(front_end)
    assert front_end.verdicts()[breaks] is Verdict.FAILED


async def test_who_behaves_breaks_none(front_end: FrontEnd) -> None:
    """Of all rules only those about quiet times and what was not done are not met."""
    await _behaves(front_end)
    not_met = {
        name: verdict for name, verdict in front_end.verdicts().items() if verdict is not Verdict.PASSED
    }
    assert not_met == {
        "it waits by long poll": Verdict.FAILED,
        "it goes on by itself": Verdict.FAILED,
        "it rests once the run is finished": Verdict.FAILED,
        "undo is the next version": Verdict.NOT_SEEN,
        "a change is sent until it is acknowledged": Verdict.NOT_SEEN,
        "a skipped query is given back": Verdict.NOT_SEEN,
    }


@pytest.mark.parametrize(("wait_s", "verdict"), [(2.0, Verdict.PASSED), (0.0, Verdict.FAILED)])
async def test_polling_without_waiting_is_seen(front_end: FrontEnd, wait_s: float, verdict: Verdict) -> None:
    """A quiet time is to be spent in a long poll."""
    await _behaves(front_end)
    begin = time.monotonic() - 0.6
    await front_end.lease(wait_s=wait_s)
    quiet = Quiet(begin=begin, end=time.monotonic(), num_settled=3)

    verdicts = front_end.verdicts(quiet)

    assert verdicts["it waits by long poll"] is verdict
    assert verdicts["it goes on by itself"] is Verdict.PASSED


@pytest.mark.parametrize(("pause_s", "verdict"), [(1.0, Verdict.PASSED), (0.0, Verdict.FAILED)])
async def test_asking_a_finished_run_again_and_again_is_seen(
    finished: FrontEnd, pause_s: float, verdict: Verdict
) -> None:
    """A client that takes no notice asks as fast as it is answered."""
    begin = time.monotonic() - 0.5
    while time.monotonic() < begin + 4.5:
        await finished.lease(wait_s=20)
        await asyncio.sleep(pause_s)
    rest = Quiet(begin=begin, end=time.monotonic(), num_settled=0)

    outcomes = {outcome.name: outcome.verdict for outcome in judge(finished.sighting, None, rest)}

    assert outcomes["it rests once the run is finished"] is verdict


async def test_a_version_that_leaves_one_out_is_seen(front_end: FrontEnd) -> None:
    """Version 3 without version 2, though the labeler refuses it."""
    await _behaves(front_end)
    request = pb.RevisePreferenceRequest(answer_id="answer-3", version=3, preference=RIGHT)
    with contextlib.suppress(grpc.aio.AioRpcError):
        await front_end.once("RevisePreference", request)
    assert front_end.verdicts()["undo is the next version"] is Verdict.FAILED


def test_the_command_in_the_documents_is_the_examples() -> None:
    """What the API's page says to run is what was run above."""
    text = (ROOT / "docs/labeler-api.md").read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.startswith("somersault compliance client -- "))
    assert shlex.split(line)[4:6] == ["python", "examples/labeling_front_end.py"]
