"""What each check of a labeler has to itself: a run and labelers."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio

from somersault.compliance.checks import expect
from somersault.domain.keys import sealed_key, segment_key
from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import labeler_pb2_grpc, preference_pb2, trajectory_pb2

__all__ = ["CALL_TIMEOUT_S", "LEFT", "RIGHT", "Caller", "Dial", "Trial"]

LEFT, RIGHT = preference_pb2.PREFERENCE_LEFT, preference_pb2.PREFERENCE_RIGHT
CALL_TIMEOUT_S = 10.0

Dial = Callable[[str | None], grpc.aio.Channel]
"""Opens a channel that sends a token, or none."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The holder of a token."""

    channel: grpc.aio.Channel
    labeler_id: str = ""
    token: str = ""

    async def call(self, method: str, request: Any, *, timeout_s: float = CALL_TIMEOUT_S) -> Any:
        """Call a unary method by its name and return its response."""
        stub = labeler_pb2_grpc.LabelerServiceStub(self.channel)
        return await getattr(stub, method)(request, timeout=timeout_s)

    async def stream(
        self, method: str, request: Any, *, timeout_s: float = CALL_TIMEOUT_S
    ) -> AsyncIterator[Any]:
        """Call a streaming method and return its responses."""
        stub = labeler_pb2_grpc.LabelerServiceStub(self.channel)
        async for response in getattr(stub, method)(request, timeout=timeout_s):
            yield response


class Trial:
    """Creates a run and invites the labelers that a check needs; `close` revokes their tokens."""

    def __init__(self, dial: Dial, *, owner_token: str) -> None:
        """Take what opens channels to the labeler, and an owner's token."""
        self.run_id = f"compliance-{secrets.token_hex(6)}"
        self._dial = dial
        self._invited: list[Caller] = []
        self._opened: list[Caller] = []
        self.owner = self.as_token(owner_token)

    def as_token(self, token: str | None) -> Caller:
        """Return the holder of a token; with None, calls are sent without one."""
        caller = Caller(self._dial(token), token=token or "")
        self._opened.append(caller)
        return caller

    def name(self, word: str) -> str:
        """Return a name that no other run uses."""
        return f"{self.run_id}-{word}"

    async def begin(self) -> None:
        """Create the run, without gold."""
        await self.owner.call("CreateRun", pb.CreateRunRequest(run_id=self.run_id, task="compliance"))
        await self.owner.call("UpdateRun", pb.UpdateRunRequest(run_id=self.run_id, gold_interval=0))

    async def close(self) -> None:
        """Revoke every token that was created, and close the connection."""
        for caller in self._invited:
            request = pb.RevokeTokenRequest(labeler_id=caller.labeler_id)
            await self.owner.call("RevokeToken", request)
        for caller in self._opened:
            await caller.channel.close(None)

    async def invite(self, role: Any = preference_pb2.ROLE_TEACHER) -> Caller:
        """Return a new labeler. Teachers answer without clips, so no simulator is needed."""
        request = pb.CreateLabelerRequest(name="compliance", role=role, run_ids=[self.run_id])
        reply = await self.owner.call("CreateLabeler", request)
        opened = Caller(self._dial(reply.token), reply.labeler_id, reply.token)
        self._opened.append(opened)
        self._invited.append(opened)
        return opened

    async def propose(self, *words: str, target_answers: int = 0, wants_clips: bool = False) -> list[str]:
        """Propose one query per word and return their ids."""
        proposals = [self.proposal(word, target_answers=target_answers) for word in words]
        for proposal in proposals:
            proposal.wants_clips = wants_clips
        request = pb.ProposeQueriesRequest(run_id=self.run_id, proposals=proposals)
        return list((await self.owner.call("ProposeQueries", request)).query_ids)

    def proposal(
        self, word: str, *, second: str = "second", target_answers: int = 0, run_id: str = ""
    ) -> pb.Proposal:
        """Return a proposal of two segments named after a word, of the trial's run or another."""
        run_id = run_id or self.run_id
        return pb.Proposal(
            proposal_id=word,
            first=_segment(f"{word}-first", run_id=run_id),
            second=_segment(f"{word}-{second}", run_id=run_id),
            target_answers=target_answers,
        )

    async def lease(
        self, caller: Caller, *, count: int = 1, wait_s: float = 0, lease_s: float = 60
    ) -> Sequence[preference_pb2.Lease]:
        """Lease queries of the run."""
        request = pb.LeaseQueriesRequest(run_id=self.run_id, count=count, wait_s=wait_s, lease_s=lease_s)
        reply = await caller.call("LeaseQueries", request, timeout_s=CALL_TIMEOUT_S + wait_s)
        return list(reply.leases)

    async def lease_one(self, caller: Caller, **settings: float) -> preference_pb2.Lease:
        """Lease a query that is known to be there.

        Raises:
            UnmetError: there was none.
        """
        leases = await self.lease(caller, **settings)  # type: ignore[arg-type]
        expect(len(leases) == 1, f"LeaseQueries gave {len(leases)} leases though a query was ready")
        return leases[0]

    async def submit(
        self, caller: Caller, lease: preference_pb2.Lease, word: str, preference: Any = LEFT
    ) -> preference_pb2.PreferenceRecord:
        """Answer a leased query and return the row of the log."""
        request = self.answer(lease, word, preference)
        record: preference_pb2.PreferenceRecord = (await caller.call("SubmitPreference", request)).record
        return record

    def answer(
        self, lease: preference_pb2.Lease, word: str, preference: Any = LEFT
    ) -> pb.SubmitPreferenceRequest:
        """Return the request that answers a leased query."""
        return pb.SubmitPreferenceRequest(
            lease_token=lease.lease_token,
            answer_id=self.name(word),
            preference=preference,
            response_ms=1500,
        )

    async def answer_all(self, caller: Caller, *words: str) -> list[preference_pb2.PreferenceRecord]:
        """Propose a query per word and answer each."""
        await self.propose(*words)
        return [await self.submit(caller, await self.lease_one(caller), word) for word in words]

    async def log(self, *, is_complete: bool = False) -> list[preference_pb2.PreferenceRecord]:
        """Return the log as an export has it."""
        request = pb.ExportPreferencesRequest(run_id=self.run_id, is_complete=is_complete)
        stream = self.owner.stream("ExportPreferences", request)
        return [record async for response in stream for record in response.records]


def _segment(name: str, *, run_id: str) -> trajectory_pb2.StoredSegment:
    return trajectory_pb2.StoredSegment(
        segment_id=name,
        segment_uri=segment_key(run_id, name),
        sealed_uri=sealed_key(run_id, name),
        duration_s=1.5,
    )
