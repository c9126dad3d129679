"""The checks of a labeler: ours passes all of them, and one that breaks a promise fails the check of that promise."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from importlib import resources
from pathlib import Path

import grpc
import pytest
import pytest_asyncio

from services.labeler.api import guesses
from services.labeler.feedback import export_files
from somersault import rpc
from somersault.cli.__main__ import main
from somersault.compliance import Verdict, check_server
from somersault.compliance.checks import Outcome, format_outcomes
from somersault.compliance.proxy import Around, Call, LabelerProxy
from somersault.compliance.server import SERVER_CHECKS
from somersault.compliance.server_checks import clips
from somersault.domain.roles import Role
from somersault.errors import InvalidInputError, PermissionDeniedError, UnavailableError
from somersault.runtime.urls import file_url
from somersault.storage import open_store
from somersault.v1 import labeler_pb2
from tests.certificates import Authority
from tests.services.labeler.running import (
    TOKENS,
    RunningLabeler,
    SimulatorDouble,
    running_labeler,
    serving_simulator,
)

OWNER = TOKENS[Role.OWNER]


@contextlib.asynccontextmanager
async def drawing_labeler(folder: Path, **settings: str) -> AsyncIterator[RunningLabeler]:
    """Serve our labeler, with a simulator that draws the same clip of whatever segment it is asked for."""
    clip = (resources.files("somersault.compliance") / "clips" / "0.mp4").read_bytes()
    double = SimulatorDouble(open_store(file_url(folder / "objects")), clip=clip)
    async with (
        serving_simulator(double) as address,
        running_labeler(folder, simulator_addresses=address, **settings) as running,
    ):
        yield running


@pytest_asyncio.fixture
async def labeler(tmp_path: Path) -> AsyncIterator[RunningLabeler]:
    """Our labeler, which can draw."""
    async with drawing_labeler(tmp_path) as running:
        yield running


async def test_encrypted_labeler_is_checked_with_its_authorities(
    tmp_path: Path, unused_tcp_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """At the port for callers without certificates; another authority's certificate is refused, and it says so."""
    authority, name = Authority(), "a lease says what it must"
    shown = authority.write(tmp_path / "certificates", "labeler")
    other = Authority().write(tmp_path / "other", "labeler")
    settings = {"certificates_path": shown, "public_port": unused_tcp_port, "host": "0.0.0.0"}  # noqa: S104
    arguments = ["compliance", "server", "--address", f"127.0.0.1:{unused_tcp_port}", "--owner-token", OWNER]
    arguments += ["--only", name, "--json", "--ca"]
    async with running_labeler(tmp_path, **settings):
        assert await asyncio.to_thread(main, [*arguments, str(shown / "ca.crt")]) == 0
        assert '"verdict": "pass"' in capsys.readouterr().out
        assert await asyncio.to_thread(main, [*arguments, str(other / "ca.crt")]) == 1
    assert "certificate" in capsys.readouterr().err


async def test_a_name_of_no_check_is_an_error() -> None:
    """Not a success of nothing."""
    with pytest.raises(InvalidInputError, match="only is 'leese', must be part of the name of a check"):
        await check_server("127.0.0.1:1", owner_token=OWNER, only="leese")


@contextlib.asynccontextmanager
async def broken(labeler: RunningLabeler, around: Around) -> AsyncIterator[str]:
    """Return the address of a labeler that behaves otherwise in one thing."""
    server = rpc.create_server()
    proxy = LabelerProxy(labeler.address, around)
    proxy.add_to(server)
    port = rpc.bind(server, host="127.0.0.1", port=0)
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(None)
    await proxy.close()


async def test_our_labeler_keeps_every_promise(
    labeler: RunningLabeler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All checks pass, and each is run."""
    monkeypatch.setattr(guesses, "_LONGEST_S", 0.5)
    outcomes = await check_server(labeler.address, owner_token=OWNER)

    assert [outcome for outcome in outcomes if outcome.verdict is not Verdict.PASSED] == []
    assert [outcome.name for outcome in outcomes] == [check.name for check in SERVER_CHECKS]
    assert len(outcomes) >= 84


async def test_no_labeler_that_was_invited_may_call_afterwards(labeler: RunningLabeler) -> None:
    """What the checks leave behind are runs, not tokens."""
    await check_server(labeler.address, owner_token=OWNER, only="lease")

    listed = await labeler.as_role(Role.OWNER).ListLabelers(labeler_pb2.ListLabelersRequest(page_size=1000))
    invited = [one for one in listed.labelers if one.name == "compliance"]
    assert invited
    assert all(one.HasField("revoke_time") for one in invited)


async def _forgets_what_it_answered(call, forward):
    if call.method == "SubmitPreference":
        _forgets_what_it_answered.count += 1
        call.request.answer_id += f"-{_forgets_what_it_answered.count}"
    return await forward(call)


_forgets_what_it_answered.count = 0


async def _takes_changed_repeats(call, forward):
    try:
        return await forward(call)
    except grpc.aio.AioRpcError as error:
        if call.method != "SubmitPreference" or error.code() is not grpc.StatusCode.ALREADY_EXISTS:
            raise
        return labeler_pb2.SubmitPreferenceResponse()


async def _does_not_wait(call, forward):
    if call.method == "LeaseQueries":
        call.request.wait_s = min(call.request.wait_s, 0.1)
    return await forward(call)


async def _leases_for_ever(call, forward):
    if call.method == "LeaseQueries" and 0 < call.request.lease_s <= 2:
        call.request.lease_s = 600
    return await forward(call)


async def _ignores_releases(call, forward):
    if call.method == "ReleaseQuery":
        return labeler_pb2.ReleaseQueryResponse()
    return await forward(call)


async def _lets_everybody_do_everything(call, forward):
    if call.authorization and call.method.startswith(("Get", "List", "Create")):
        call.authorization = f"Bearer {OWNER}"
    return await forward(call)


async def _needs_no_token(call, forward):
    call.authorization = call.authorization or f"Bearer {OWNER}"
    return await forward(call)


async def _names_no_field(call, forward):
    try:
        return await forward(call)
    except grpc.aio.AioRpcError as error:
        raise grpc.aio.AioRpcError(
            error.code(), error.initial_metadata(), error.trailing_metadata(), "no"
        ) from error


async def _takes_any_count(call, forward):
    if call.method == "LeaseQueries":
        call.request.count = max(1, min(10, call.request.count))
    return await forward(call)


async def _tells_of_others(call, forward):
    reply = await forward(call)
    if call.method == "LeaseQueries":
        for lease in reply.leases:
            lease.query.num_answers = 1
    return reply


async def _loses_sides(call, forward):
    reply = await forward(call)
    if call.method == "SubmitPreference":
        left, right = reply.record.left.segment_id, reply.record.right.segment_id
        reply.record.left.segment_id, reply.record.right.segment_id = right, left
    return reply


async def _changes_a_clip(call, forward):
    reply = await forward(call)
    if call.method == "GetClip":
        reply.clip = reply.clip[:-1] + bytes([reply.clip[-1] ^ 1])
    return reply


async def _shows_clips_to_all(call, forward):
    if call.method == "GetClip":
        call.authorization = f"Bearer {OWNER}"
    return await forward(call)


async def _tells_what_is_gold(call, forward):
    reply = await forward(call)
    if call.method == "ProposeQueries":
        _tells_what_is_gold.proposed.update(reply.query_ids)
    if call.method == "LeaseQueries":
        for lease in reply.leases:
            lease.query.target_answers = int(lease.query.query_id not in _tells_what_is_gold.proposed)
    return reply


_tells_what_is_gold.proposed = set()


async def _gives_no_gold(call, forward):
    if call.method == "UpdateRun":
        call.request.gold_interval = 0
    return await forward(call)


async def _imports_anew(call, forward):
    if call.method == "ImportPreferences":
        _imports_anew.count += 1
        for record in call.request.records:
            record.answer_id += f"-{_imports_anew.count}"
            record.query_id += f"-{_imports_anew.count}"
    return await forward(call)


_imports_anew.count = 0


async def _says_nothing_of_the_end(call, forward):
    reply = await forward(call)
    if call.method == "LeaseQueries":
        reply.run_state = labeler_pb2.RUN_STATE_RUNNING
    return reply


async def _waits_out_every_end(call, forward):
    reply = await forward(call)
    if call.method == "LeaseQueries" and not reply.leases:
        await asyncio.sleep(min(call.request.wait_s, 6))
    return reply


async def _ends_nothing(call, forward):
    if call.method == "UpdateRun":
        call.request.ClearField("state")
        call.request.ClearField("result")
    return await forward(call)


async def _asks_the_tasks_question(call, forward):
    if call.method == "CreateRun" and call.request.question:
        change = labeler_pb2.UpdateRunRequest(run_id=call.request.run_id, question=call.request.question)
        await forward(Call("UpdateRun", change, call.authorization, call.deadline_s))
    return await forward(call)


async def _takes_skips_for_returns(call, forward):
    if call.method == "ReleaseQuery":
        call.request.is_returned = False
    return await forward(call)


async def _takes_any_budget(call, forward):
    if call.method == "UpdateRun" and call.request.HasField("label_budget"):
        call.request.label_budget = max(1, min(1_000_000, call.request.label_budget))
    return await forward(call)


async def _keeps_its_wishes(call, forward):
    reply = await forward(call)
    if call.method == "ReportProgress":
        reply.is_finishing = False
    return reply


@pytest.mark.parametrize(
    ("around", "fails"),
    [
        (_forgets_what_it_answered, "a repeat gets the first reply"),
        (_takes_changed_repeats, "an answer id stands for one content"),
        (_does_not_wait, "a long poll ends with the first query"),
        (_leases_for_ever, "an ended lease frees the query"),
        (_ignores_releases, "a released query goes to someone else"),
        (_lets_everybody_do_everything, "each role may do only its own"),
        (_needs_no_token, "without a token nothing is served"),
        (_names_no_field, "bad input of submit preference is refused"),
        (_takes_any_count, "bad input of lease queries is refused"),
        (_tells_of_others, "labelers are blind to each other"),
        (_loses_sides, "an answer becomes a row"),
        (_changes_a_clip, "a clip is what its hash says"),
        (_shows_clips_to_all, "a clip is for who holds the query"),
        (_tells_what_is_gold, "gold looks like any other pair"),
        (_gives_no_gold, "gold is known to owners alone"),
        (_imports_anew, "what is imported twice counts once"),
        (_imports_anew, "an import that contradicts keeps nothing"),
        (_does_not_wait, "what lasts ends with its token"),
        (_says_nothing_of_the_end, "a finished run leases nothing and says so"),
        (_waits_out_every_end, "a finished run leases nothing and says so"),
        (_waits_out_every_end, "a wait ends when the run does"),
        (_ends_nothing, "a finished run has a result"),
        (_ends_nothing, "followers hear of the end"),
        (_ends_nothing, "a finished run neither finishes nor rests"),
        (_asks_the_tasks_question, "a question that was edited stays"),
        (_takes_skips_for_returns, "a returned query may come again"),
        (_takes_any_budget, "bad input of update run is refused"),
        (_keeps_its_wishes, "services hear what owners want"),
    ],
)
async def test_a_broken_promise_fails_its_check(labeler: RunningLabeler, around: Around, fails: str) -> None:
    """The check says so, with what came instead; the same check passes our own labeler."""
    async with broken(labeler, around) as address:
        (outcome,) = await check_server(address, owner_token=OWNER, only=fails)
    assert outcome.verdict is Verdict.FAILED
    assert outcome.got
    assert outcome.got in format_outcomes([outcome])


@pytest.mark.parametrize("fails", ["a jsonl export is the log", "a parquet export is the log"])
async def test_a_file_that_differs_from_the_log_fails_its_check(
    labeler: RunningLabeler, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    """One column of one row is enough."""
    right = export_files.row_from_record
    monkeypatch.setattr(export_files, "row_from_record", lambda record: right(record) | {"version": 1})

    (outcome,) = await check_server(labeler.address, owner_token=OWNER, only=fails)

    assert outcome.verdict is Verdict.FAILED
    assert "they differ in ['version']" in outcome.got


async def test_who_draws_no_clips_is_told_that_they_were_not_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the reason; that is no failure."""
    monkeypatch.setattr(clips, "_RENDERED_WITHIN_S", 0.5)
    async with running_labeler(tmp_path) as labeler:
        (outcome,) = await check_server(labeler.address, owner_token=OWNER, only="a clip is what")
    assert outcome.verdict is Verdict.NOT_SEEN
    assert "rendered no clips" in format_outcomes([outcome])


async def test_the_token_must_be_an_owners(labeler: RunningLabeler) -> None:
    """Another role's token is refused before anything is tried."""
    with pytest.raises(PermissionDeniedError, match="owner"):
        await check_server(labeler.address, owner_token=TOKENS[Role.SERVICE])


async def test_nobody_there_is_said() -> None:
    """Where nothing listens, that is the error."""
    with pytest.raises(UnavailableError):
        await check_server("127.0.0.1:1", owner_token="none")


def test_the_exit_code_and_the_list_tell(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """1 and what was expected if a check failed, 0 if none did; --json prints an object a check."""
    failed = Outcome(name="a thing", expected="it holds", verdict=Verdict.FAILED, got="it did not")
    passed = Outcome(name="another", expected="it holds", verdict=Verdict.PASSED)
    given = [passed, failed]

    async def check(address: str, *, owner_token: str, only: str, authorities: Path | None) -> list[Outcome]:
        assert (address, owner_token, only, authorities) == ("127.0.0.1:7004", "secret", "", None)
        return given

    monkeypatch.setattr("somersault.compliance.check_server", check)
    monkeypatch.setenv("SOMERSAULT_OWNER_TOKEN", "secret")
    command = ["compliance", "server", "--address", "127.0.0.1:7004"]

    assert main(command) == 1
    out = capsys.readouterr().out
    assert "FAIL      a thing\n          expected: it holds\n          got: it did not\n" in out
    assert "1 passed, 1 failed" in out
    given.remove(failed)
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == "pass"


def test_without_a_token_the_command_says_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    """The flag and the variable are named."""
    assert main(["compliance", "server", "--address", "127.0.0.1:7004"]) == 2
    assert "SOMERSAULT_OWNER_TOKEN" in capsys.readouterr().err
