"""Puts questions: chooses pairs the ensemble disagrees about, has them stored, proposes them."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, Protocol

import numpy as np
import structlog
from numpy.typing import NDArray

from services.reward.limits import ScoredPart
from services.reward.queries.proposals import PredictedPair, Proposal
from services.reward.queries.selection import choose_queries
from services.reward.segments.offers import Offers
from services.reward.segments.pool import SegmentPool
from services.reward.training.reward_learner import RewardVersion
from somersault.domain.arrays import FloatArray
from somersault.domain.trajectory import StoredSegment

__all__ = ["Asker", "Proposer"]

_log = structlog.get_logger()

_MIN_SEGMENTS = 2
"""A query shows two."""

_SAMPLE_EVERY = 10
"""With wants_clips "sample", one query in ten is drawn, enough for the page to show what a teacher sees."""


class Proposer(Protocol):
    """Who takes proposals."""

    async def propose(self, proposals: Sequence[Proposal]) -> list[str]:
        """Proposes queries and gives their ids, in order."""
        ...


class Asker:
    """Owns the choice of queries. Draws follow from the seed and the number asked so far alone."""

    def __init__(
        self,
        *,
        pool: SegmentPool,
        offers: Offers,
        proposer: Proposer,
        newest: Callable[[], RewardVersion],
        seed: int,
        num_candidate_pairs: int,
        tournament_size: int,
        wants_clips: Literal["all", "sample", "none"],
        scored: ScoredPart,
    ) -> None:
        """Takes where segments are, who is asked, and what gives the newest reward version.

        ``num_candidate_pairs`` and ``tournament_size`` are those of `query_selection.choose_queries`; the
        segments that are ``scored`` are drawn anew each time.
        """
        self._pool = pool
        self._offers = offers
        self._proposer = proposer
        self._newest = newest
        self._seed = seed
        self._num_candidate_pairs = num_candidate_pairs
        self._tournament_size = tournament_size
        self._wants_clips = wants_clips
        self._scored = scored
        self._asked: set[frozenset[str]] = set()

    @property
    def num_asked(self) -> int:
        """Pairs asked about so far, those that failed or were withdrawn included."""
        return len(self._asked)

    def restore(self, asked: Iterable[frozenset[str]]) -> None:
        """Hears which pairs of segments were asked about before a restart."""
        self._asked.update(asked)

    async def ask(self, num_queries: int) -> list[str]:
        """Asks up to ``num_queries`` queries and gives their ids, those with most disagreement first."""
        pairs = await asyncio.to_thread(self._choose, num_queries)
        stored = await self._offers.store([segment_id for pair in pairs for segment_id in pair])
        proposals = [
            self._proposal(stored[left], stored[right], number=self.num_asked + index)
            for index, (left, right) in enumerate(pairs)
            if left in stored and right in stored
        ]
        if len(proposals) < len(pairs):
            _log.info("segments_missing", num_missing_queries=len(pairs) - len(proposals))
        if not proposals:
            return []
        proposals = await asyncio.to_thread(self._with_predictions, proposals)
        query_ids = await self._proposer.propose(proposals)
        self._asked.update(frozenset(pair) for pair in pairs if set(pair) <= stored.keys())
        _log.info("queries_proposed", num_queries=len(proposals), num_asked=self.num_asked)
        return query_ids

    def _choose(self, num_queries: int) -> list[tuple[str, str]]:
        """Gives pairs of segment ids, most disagreement first; none that was asked about before."""
        available = np.array(self._offers.available_positions(), dtype=np.int64)
        if len(available) < _MIN_SEGMENTS:
            return []
        available = self._some_of(available)
        newest = self._newest()
        chosen = choose_queries(
            np.random.default_rng((self._seed, self.num_asked)),
            self._predicted_returns(newest, available),
            num_queries=num_queries,
            is_trained=newest.version > 0,
            num_candidate_pairs=self._num_candidate_pairs,
            tournament_size=self._tournament_size,
        )
        segment_ids = self._pool.segment_ids
        pairs = [(segment_ids[left], segment_ids[right]) for left, right in available[chosen]]
        return [pair for pair in pairs if frozenset(pair) not in self._asked]

    def _some_of(self, available: NDArray[np.int64]) -> NDArray[np.int64]:
        """Gives positions, at most as many as are to be scored, uniformly drawn, in the order of the pool."""
        if self._scored.max_segments is None or len(available) <= self._scored.max_segments:
            return available
        generator = np.random.default_rng((self._seed, self.num_asked, 1))
        return np.sort(generator.choice(available, size=self._scored.max_segments, replace=False))

    def _predicted_returns(self, newest: RewardVersion, positions: NDArray[np.int64]) -> FloatArray:
        """Gives ``[K, S]`` float32: the predicted reward summed over each segment, as if all steps were scored."""
        observations, actions = self._pool.take(positions)
        rewards = newest.ensemble.predict_steps(observations, actions, axis=1, steps=self._scored.steps)
        num_steps = actions.shape[1]
        returns: FloatArray = rewards.sum(axis=-1) * np.float32(num_steps / rewards.shape[-1])
        return returns

    def _with_predictions(self, proposals: Sequence[Proposal]) -> list[Proposal]:
        """Adds what is predicted of each step of segments that are drawn; nothing is before something was learned.

        Nothing enters the pool while a query is asked, so each segment is where it was when it was chosen.
        """
        newest = self._newest()
        if newest.version == 0 or not any(proposal.wants_clips for proposal in proposals):
            return list(proposals)
        position_of = {name: position for position, name in enumerate(self._pool.segment_ids)}

        def predict(segment: StoredSegment) -> FloatArray:
            observations, actions = self._pool.take([position_of[segment.segment_id]])
            members = newest.ensemble.predict_steps(observations, actions, axis=1)
            rewards: FloatArray = members[:, 0].mean(axis=0)
            return rewards

        return [
            dataclasses.replace(
                proposal,
                predicted=PredictedPair(
                    first=predict(proposal.first),
                    second=predict(proposal.second),
                    reward_version=newest.version,
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
