"""A labeler that lives in the test, and segments to ask it about."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence

import numpy as np
import safetensors.numpy

from services.reward.feedback.preference_log import Answer, LogPosition, LogRow, WeightChange
from services.reward.monitoring.progress_report import RunControls
from services.reward.queries.proposals import KnownQuery, Proposal
from somersault.domain.feedback import Preference
from somersault.domain.task_spec import TaskSpec
from somersault.domain.trajectory import Segment, StoredSegment
from somersault.errors import LogWentBackError
from somersault.storage import ObjectStore

SPEC = TaskSpec(task="t", frame_shape=(2,), action_dim=1, episode_steps=8, segment_steps=4, step_s=0.5)


GAME = TaskSpec(
    task="t", frame_shape=(43, 43), num_frames=2, num_actions=3, episode_steps=8, segment_steps=4, step_s=0.5
)


def make_segment(name: str, level: float, *, sequence: int = 0, spec: TaskSpec = SPEC) -> Segment:
    """Return a segment whose observations all equal ``level``; a picture's are a grey of 50 times that, with noise."""
    frames = np.full((spec.segment_steps + spec.num_frames - 1, *spec.frame_shape), level, np.float32)
    if spec.is_image:
        frames = 50 * frames + np.random.default_rng(sequence).integers(0, 9, frames.shape)
    return Segment(
        segment_id=name,
        observations=frames.astype(spec.frame_dtype),
        actions=np.zeros((spec.segment_steps, *spec.action_shape), spec.action_dtype),
        rollout_sequence=sequence,
        policy_version=0,
    )


def place_of(segment_id: str) -> StoredSegment:
    """Return where a segment would be stored."""
    return StoredSegment(
        segment_id=segment_id,
        segment_uri=f"r/segments/{segment_id}.safetensors",
        sealed_uri=f"r/sealed/{segment_id}.safetensors",
        duration_s=2.0,
    )


def store_segment(store: ObjectStore, segment: Segment) -> StoredSegment:
    """Store a segment as a simulator does, without its sealed part."""
    arrays = {"observations": segment.observations, "actions": segment.actions}
    place = place_of(segment.segment_id)
    store.put(place.segment_uri, safetensors.numpy.save(arrays))
    return place


class LabelerDouble:
    """Answers each proposal by a rule, at once or when told to; labelers take turns."""

    def __init__(
        self,
        decide: Callable[[Proposal], Preference],
        *,
        is_prompt: bool = True,
        labelers: Sequence[str] = ("teacher",),
    ) -> None:
        self._decide = decide
        self._is_prompt = is_prompt
        self._labelers = labelers
        self.proposals: list[Proposal] = []
        self.log: list[LogRow] = []
        self._num_commits = 0
        self.withdrawn: list[str] = []
        self.failed: set[str] = set()
        self.skipped: set[str] = set()
        self.controls = RunControls()
        self._grown = asyncio.Event()

    async def propose(self, proposals: Sequence[Proposal]) -> list[str]:
        """Take proposals; their ids are their names."""
        self.proposals += proposals
        if self._is_prompt:
            self.answer(len(proposals))
        return [proposal.proposal_id for proposal in proposals]

    def answer(self, count: int) -> None:
        """Answer the oldest unanswered proposals."""
        first = len(self.answers)
        for number, proposal in enumerate(self.proposals[first : first + count], first):
            self.append_answer(proposal, self._labelers[number % len(self._labelers)])

    def append_answer(self, proposal: Proposal, labeler_id: str, *, fills_query: bool = True) -> None:
        """Append a labeler's answer to the log."""
        answer = Answer(
            cursor=len(self.log) + 1,
            query_id=proposal.proposal_id,
            answer_id=f"a{len(self.answers)}",
            version=1,
            preference=self._decide(proposal),
            left=proposal.first,
            right=proposal.second,
            labeler_id=labeler_id,
            is_extra=False,
            fills_query=fills_query,
            commit_id=self._commit_id(),
        )
        self.log.append(answer)
        self._grow()

    def append_gold(self, proposal: Proposal) -> None:
        """Append an answer to a gold query to the log."""
        answer = Answer(
            cursor=len(self.log) + 1,
            query_id=f"gold-{len(self.log)}",
            answer_id=f"gold-{len(self.log)}",
            version=1,
            preference=Preference.LEFT,
            left=proposal.first,
            right=proposal.second,
            labeler_id=self._labelers[0],
            is_extra=True,
            commit_id=self._commit_id(),
        )
        self.log.append(answer)
        self._grow()

    def weigh(self, labeler_id: str, weight: float) -> None:
        """Make a labeler's answers count for more or less."""
        change = WeightChange(
            cursor=len(self.log) + 1, labeler_id=labeler_id, weight=weight, commit_id=self._commit_id()
        )
        self.log.append(change)
        self._grow()

    def restore(self, num_kept: int) -> list[Proposal]:
        """Go back to the first rows of the log, and to the queries that they answer; return the lost ones' proposals."""
        self.log = self.log[:num_kept]
        kept = {row.query_id for row in self.answers}
        lost = [proposal for proposal in self.proposals if proposal.proposal_id not in kept]
        self.proposals = [proposal for proposal in self.proposals if proposal.proposal_id in kept]
        return lost

    @property
    def answers(self) -> list[Answer]:
        """The answers to proposals, in the order of the log."""
        return [row for row in self.log if isinstance(row, Answer) and not row.is_extra]

    def _commit_id(self) -> str:
        self._num_commits += 1
        return f"commit-{self._num_commits}"

    def _grow(self) -> None:
        grown, self._grown = self._grown, asyncio.Event()
        grown.set()

    async def list_queries(self) -> list[KnownQuery]:
        """Return what was proposed."""
        answered = {answer.query_id for answer in self.answers if answer.fills_query}
        closed = answered | self.failed | set(self.withdrawn)
        return [
            KnownQuery(
                query_id=proposal.proposal_id,
                is_open=proposal.proposal_id not in closed,
                segment_ids=frozenset((proposal.first.segment_id, proposal.second.segment_id)),
                num_skips=proposal.proposal_id in self.skipped,
            )
            for proposal in self.proposals
        ]

    async def list_open(self) -> list[KnownQuery]:
        """Return the queries that wait."""
        return [query for query in await self.list_queries() if query.is_open]

    async def list_gone(self) -> list[KnownQuery]:
        """Return the queries that can't be answered."""
        gone = self.failed | set(self.withdrawn)
        return [query for query in await self.list_queries() if query.query_id in gone]

    async def withdraw(self, query_ids: Sequence[str]) -> list[str]:
        """Withdraw all that have no answer."""
        answered = {answer.query_id for answer in self.answers}
        taken_back = [query_id for query_id in query_ids if query_id not in answered]
        self.withdrawn += taken_back
        return taken_back

    async def newest_cursor(self) -> int:
        """Return the end of the log."""
        return len(self.log)

    async def watch(self, after: LogPosition) -> AsyncGenerator[list[LogRow], None]:
        """Follow the log."""
        while True:
            grown = self._grown
            if after.cursor and after not in map(LogPosition.of, self.log):
                raise LogWentBackError("the log went back")
            if len(self.log) > after.cursor:
                rows = self.log[after.cursor :]
                after = LogPosition.of(rows[-1])
                yield rows
            else:
                await grown.wait()
