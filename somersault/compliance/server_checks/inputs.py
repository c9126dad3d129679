"""What a labeler promises about input that it can't accept: INVALID_ARGUMENT, with the field's name in the message."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import grpc

from somersault.compliance.checks import Check, expect, expect_refused
from somersault.compliance.server_checks.trial import LEFT, Caller, Trial
from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import preference_pb2

__all__ = ["INPUT_CHECKS"]

_BAD_NAMES = ("", "a b", "é", ".a", "a/b", "a" * 65)

Bad = Iterable[tuple[str, str, Any]]
"""Method, the field that the message must name, request."""


def _lease_queries(trial: Trial) -> Bad:
    """The count is 1 to 10, wait_s 0 to 30, lease_s 1 to 600 or 0."""
    run_id = trial.run_id
    for count in (0, -1, 11):
        yield "LeaseQueries", "count", pb.LeaseQueriesRequest(run_id=run_id, count=count)
    for wait_s in (-1, 31, math.nan, math.inf):
        yield "LeaseQueries", "wait_s", pb.LeaseQueriesRequest(run_id=run_id, count=1, wait_s=wait_s)
    for lease_s in (-1, 0.5, 601, math.nan):
        yield "LeaseQueries", "lease_s", pb.LeaseQueriesRequest(run_id=run_id, count=1, lease_s=lease_s)


def _submit_preference(_: Trial) -> Bad:
    """The answer_id is a name, preference one of four, response_ms not below 0."""
    good: dict[str, Any] = {"lease_token": "x", "answer_id": "a", "preference": LEFT}
    for name in _BAD_NAMES:
        yield "SubmitPreference", "answer_id", pb.SubmitPreferenceRequest(**good | {"answer_id": name})
    for preference in (0, 5):
        request = pb.SubmitPreferenceRequest(**good | {"preference": preference})
        yield "SubmitPreference", "preference", request
    yield "SubmitPreference", "response_ms", pb.SubmitPreferenceRequest(**good, response_ms=-1)


def _revise_preference(_: Trial) -> Bad:
    """The version is at least 2, preference one of four."""
    for version in (-1, 0, 1):
        request = pb.RevisePreferenceRequest(answer_id="a", version=version, preference=LEFT)
        yield "RevisePreference", "version", request
    yield "RevisePreference", "preference", pb.RevisePreferenceRequest(answer_id="a", version=2)


def _get_clip(_: Trial) -> Bad:
    """The side is left or right."""
    for side in (preference_pb2.PREFERENCE_UNSPECIFIED, preference_pb2.PREFERENCE_EQUAL):
        yield "GetClip", "" if side == 0 else "side", pb.GetClipRequest(query_id="q", side=side)


def _create_run(trial: Trial) -> Bad:
    """The run_id is a name, question at most 2,000 characters."""
    for name in _BAD_NAMES:
        yield "CreateRun", "run_id", pb.CreateRunRequest(run_id=name, task="compliance")
    long = pb.CreateRunRequest(run_id=trial.run_id, task="compliance", question="?" * 2001)
    yield "CreateRun", "question", long


def _propose_queries(trial: Trial) -> Bad:
    """There are 1 to 256 proposals with names, of two different segments each, with the keys that their names make, target_answers 0 to 10."""
    run_id, good = trial.run_id, trial.proposal("one")
    yield "ProposeQueries", "proposals", pb.ProposeQueriesRequest(run_id=run_id)
    many = [trial.proposal(f"q{number}") for number in range(257)]
    yield "ProposeQueries", "proposals", pb.ProposeQueriesRequest(run_id=run_id, proposals=many)
    for name in _BAD_NAMES:
        bad = pb.Proposal(proposal_id=name, first=good.first, second=good.second)
        yield "ProposeQueries", "proposal_id", pb.ProposeQueriesRequest(run_id=run_id, proposals=[bad])
    for target in (-1, 11):
        bad = trial.proposal("one", target_answers=target)
        yield "ProposeQueries", "target_answers", pb.ProposeQueriesRequest(run_id=run_id, proposals=[bad])
    same = pb.Proposal(proposal_id="one", first=good.first, second=good.first)
    yield "ProposeQueries", "segment_id", pb.ProposeQueriesRequest(run_id=run_id, proposals=[same])
    for field in ("segment_uri", "sealed_uri"):
        moved = trial.proposal("one")
        setattr(moved.first, field, f"{run_id}/checkpoints/learner/000000000001.safetensors")
        yield "ProposeQueries", field, pb.ProposeQueriesRequest(run_id=run_id, proposals=[moved])


def _update_run(trial: Trial) -> Bad:
    """The target_answers are 1 to 10, gold_interval 0 to 1,000."""
    for target in (-1, 0, 11):
        request = pb.UpdateRunRequest(run_id=trial.run_id, target_answers=target)
        yield "UpdateRun", "target_answers", request
    for interval in (-1, 1001):
        request = pb.UpdateRunRequest(run_id=trial.run_id, gold_interval=interval)
        yield "UpdateRun", "gold_interval", request
    for budget in (0, 1_000_001):
        request = pb.UpdateRunRequest(run_id=trial.run_id, label_budget=budget)
        yield "UpdateRun", "label_budget", request
    for question in ("", "?" * 2001, "   ", "Which\x1b[2J?", "Which\u202e?"):
        yield "UpdateRun", "question", pb.UpdateRunRequest(run_id=trial.run_id, question=question)
    paused = pb.UpdateRunRequest(run_id=trial.run_id, state=pb.RUN_STATE_PAUSED)
    yield "UpdateRun", "state", paused
    early = pb.UpdateRunRequest(run_id=trial.run_id, result=pb.RunResult(env_steps=1))
    yield "UpdateRun", "state", early
    long = pb.RunResult(headline="!" * 501)
    finished = pb.UpdateRunRequest(run_id=trial.run_id, state=pb.RUN_STATE_FINISHED, result=long)
    yield "UpdateRun", "headline", finished


def _labelers(_: Trial) -> Bad:
    """The name has 1 to 100 characters, not only blanks, no control characters; the role is given."""
    role = preference_pb2.ROLE_LABELER
    for name in ("", "n" * 101, "  ", "n\0"):
        yield "CreateLabeler", "name", pb.CreateLabelerRequest(name=name, role=role)
    yield "CreateLabeler", "role", pb.CreateLabelerRequest(name="compliance")


def _weights(trial: Trial) -> Bad:
    """The weight is 0 to 10."""
    for weight in (-0.1, 10.1, math.nan):
        request = pb.SetLabelerWeightRequest(run_id=trial.run_id, labeler_id="x", weight=weight)
        yield "SetLabelerWeight", "weight", request


def _guidelines(trial: Trial) -> Bad:
    """The text has 1 to 20,000 characters, not only blanks, without control characters or raw HTML."""
    for text in ("", "g" * 20_001, "Look: <script>alert(1)</script>", " \n\t", "Look\0"):
        yield "SetGuidelines", "text", pb.SetGuidelinesRequest(run_id=trial.run_id, text=text)


def _lists(trial: Trial) -> Bad:
    """The page_size is 0 to 1,000, page_token one that was given out."""
    for method, make in (
        ("ListRuns", pb.ListRunsRequest),
        ("ListLabelers", pb.ListLabelersRequest),
        ("ListAuditLog", pb.ListAuditLogRequest),
    ):
        for size in (-1, 1001):
            yield method, "page_size", make(page_size=size)
    yield "ListQueries", "page_size", pb.ListQueriesRequest(run_id=trial.run_id, page_size=1001)
    yield "ListQueries", "page_token", pb.ListQueriesRequest(run_id=trial.run_id, page_token="no token")  # noqa: S106


_OF_LABELERS = (_lease_queries, _submit_preference, _revise_preference, _get_clip)
_OF_OWNERS = (_create_run, _propose_queries, _update_run, _labelers, _weights, _guidelines, _lists)


def _checks() -> list[Check]:
    return [
        Check(
            name=f"bad input of{name.replace('_', ' ')} is refused",
            expected=f"INVALID_ARGUMENT, and the field in the message, out of these bounds: {function.__doc__}",
            run=_run(function, is_owners=function in _OF_OWNERS),
        )
        for function in (*_OF_LABELERS, *_OF_OWNERS)
        for name in (function.__name__,)
    ]


def _run(function: Callable[[Trial], Bad], *, is_owners: bool) -> Callable[[Trial], Any]:
    async def run(trial: Trial) -> None:
        caller: Caller = trial.owner if is_owners else await trial.invite()
        for method, field, request in function(trial):
            refused = expect_refused(
                caller.call(method, request),
                grpc.StatusCode.INVALID_ARGUMENT,
                naming=field,
                doing=f"{method} with {' '.join(str(request).split())[:100]!r}",
            )
            await refused
        stats = await caller.call("GetStats", pb.GetStatsRequest(run_id=trial.run_id))
        expect(stats.num_ready == 0 and stats.num_answered == 0, f"something was kept: {stats}")

    return run


INPUT_CHECKS = _checks()
