"""Proposes queries: chooses pairs that the ensemble disagrees about, has them stored, and hands them to the labeler."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
from collections.abc import Iterable, Sequence
from typing import Literal, Protocol

import numpy as np
import structlog
from numpy.typing import NDArray

from services.reward.limits import ScoredPart
from services.reward.published import Published, RewardVersion
from services.reward.queries.proposals import PredictedPair, Proposal
from services.reward.queries.selection import choose_queries
from services.reward.segments.offers import Offers
from services.reward.segments.pool import SegmentPool
from somersault.domain.arrays import FloatArray
from somersault.domain.trajectory import StoredSegment
from somersault.runtime.failpoints import failpoint

__all__ = ["ProposalReceiver", "QueryProposer"]

_log = structlog.get_logger()

_MIN_SEGMENTS = 2
"""A query shows two of them."""

_SAMPLE_EVERY = 10
"""With wants_clips "sample", one query in ten is rendered, enough for the page to show what a teacher sees."""


class ProposalReceiver(Protocol):
    """Takes proposals: the labeler."""

    async def propose(self, proposals: Sequence[Proposal]) -> list[str]:
        """Propose queries and return their ids, in order."""
        ...


class QueryProposer:
    """Owns the choice of queries. Random draws depend only on the seed and the number proposed so far."""

    def __init__(
        self,
        *,
        pool: SegmentPool,
        offers: Offers,
        receiver: ProposalReceiver,
        published: Published,
        seed: int,
        num_candidate_pairs: int,
        tournament_size: int,
        wants_clips: Literal["all", "sample", "none"],
        scored: ScoredPart,
    ) -> None:
        """Propose segments of ``pool`` to ``receiver``, chosen by the newest reward version that is ``published``.

        Args:
            pool: holds the segments to choose from.
            offers: has the chosen segments stored.
            receiver: takes the proposals.
            published: holds the newest reward version.
            seed: seeds the random draws.
            num_candidate_pairs: as in `selection.choose_queries`.
            tournament_size: as in `selection.choose_queries`.
            wants_clips: which queries are rendered as clips.
            scored: how much of the pool is scored; the segments are drawn anew each time.
        """
        self._pool = pool
        self._offers = offers
        self._receiver = receiver
        self._published = published
        self._seed = seed
        self._num_candidate_pairs = num_candidate_pairs
        self._tournament_size = tournament_size
        self._wants_clips = wants_clips
        self._scored = scored
        self._proposed: set[frozenset[str]] = set()
        self._pending: list[Proposal] = []
        """Those that the receiver has not confirmed, though it may have them: they are sent again before any others."""

    @property
    def num_proposed(self) -> int:
        """Pairs proposed so far, including those that failed or were withdrawn."""
        return len(self._proposed)

    @property
    def has_pending(self) -> bool:
        """Whether proposals wait to be sent again."""
        return bool(self._pending)

    def restore(self, proposed: Iterable[frozenset[str]]) -> None:
        """Add the pairs of segments that were proposed before a restart."""
        self._proposed.update(proposed)

    async def propose(self, num_queries: int) -> list[str]:
        """Propose up to ``num_queries`` queries and return their ids, those with most disagreement first."""
        if not self._pending:
            self._pending = await self._prepare(num_queries)
        if not self._pending:
            return []
        query_ids = await self._receiver.propose(self._pending)
        failpoint("reward.queries.proposed")
        proposals, self._pending = self._pending, []
        self._proposed.update(
            frozenset((each.first.segment_id, each.second.segment_id)) for each in proposals
        )
        _log.info("queries_proposed", num_queries=len(proposals), num_asked=self.num_proposed)
        return query_ids

    async def _prepare(self, num_queries: int) -> list[Proposal]:
        """Choose pairs, have their segments stored, and return what to propose."""
        pairs = await asyncio.to_thread(self._choose, num_queries)
        stored = await self._offers.store([segment_id for pair in pairs for segment_id in pair])
        proposals = [
            self._proposal(stored[left], stored[right], number=self.num_proposed + index)
            for index, (left, right) in enumerate(pairs)
            if left in stored and right in stored
        ]
        if len(proposals) < len(pairs):
            _log.info("segments_missing", num_missing_queries=len(pairs) - len(proposals))
        if not proposals:
            return []
        proposals = await asyncio.to_thread(self._with_predictions, proposals)
        failpoint("reward.queries.chosen")
        return proposals

    def _choose(self, num_queries: int) -> list[tuple[str, str]]:
        """Return pairs of segment ids, most disagreement first; never one that was proposed before."""
        available = np.array(self._offers.candidates(), dtype=np.int64)
        if len(available) < _MIN_SEGMENTS:
            return []
        available = self._some_of(available)
        newest = self._published.version
        chosen = choose_queries(
            np.random.default_rng((self._seed, self.num_proposed)),
            self._predicted_returns(newest, available),
            num_queries=num_queries,
            is_trained=newest.number > 0,
            num_candidate_pairs=self._num_candidate_pairs,
            tournament_size=self._tournament_size,
        )
        segment_ids = self._pool.segment_ids
        pairs = [(segment_ids[left], segment_ids[right]) for left, right in available[chosen]]
        return [pair for pair in pairs if frozenset(pair) not in self._proposed]

    def _some_of(self, available: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return a uniform draw of the indices, as many as may be scored, in the order of the pool."""
        if self._scored.max_segments is None or len(available) <= self._scored.max_segments:
            return available
        generator = np.random.default_rng((self._seed, self.num_proposed, 1))
        return np.sort(generator.choice(available, size=self._scored.max_segments, replace=False))

    def _predicted_returns(self, newest: RewardVersion, indices: NDArray[np.int64]) -> FloatArray:
        """Return ``[K, S]`` float32: the predicted reward summed over each segment, as if every step were scored."""
        observations, actions = self._pool.take(indices)
        rewards = newest.ensemble.predict_steps(observations, actions, axis=1, steps=self._scored.steps)
        num_steps = actions.shape[1]
        returns: FloatArray = rewards.sum(axis=-1) * np.float32(num_steps / rewards.shape[-1])
        return returns

    def _with_predictions(self, proposals: Sequence[Proposal]) -> list[Proposal]:
        """Return the proposals with predicted rewards for those to be rendered, once something has been learned.

        Nothing enters the pool while queries are proposed, so each segment is where it was when it was chosen.
        """
        newest = self._published.version
        if newest.number == 0 or not any(proposal.wants_clips for proposal in proposals):
            return list(proposals)
        index_of = {segment_id: index for index, segment_id in enumerate(self._pool.segment_ids)}

        def predict(segment: StoredSegment) -> FloatArray:
            observations, actions = self._pool.take([index_of[segment.segment_id]])
            members = newest.ensemble.predict_steps(observations, actions, axis=1)
            rewards: FloatArray = members[:, 0].mean(axis=0)
            return rewards

        return [
            dataclasses.replace(
                proposal,
                predicted=PredictedPair(
                    first=predict(proposal.first),
                    second=predict(proposal.second),
                    reward_version=newest.number,
                ),
            )
            if proposal.wants_clips
            else proposal
            for proposal in proposals
        ]

    def _proposal(self, first: StoredSegment, second: StoredSegment, *, number: int) -> Proposal:
        name = hashlib.sha256(f"{first.segment_id} {second.segment_id}".encode()).hexdigest()[:32]
        is_sampled = self._wants_clips == "sample" and number % _SAMPLE_EVERY == 0
        return Proposal(
            proposal_id=name,
            first=first,
            second=second,
            wants_clips=self._wants_clips == "all" or is_sampled,
        )
