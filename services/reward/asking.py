"""Puts questions: chooses pairs the ensemble disagrees about, has them stored, proposes them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
import structlog

from services.reward.labeling import Proposal
from services.reward.offers import Offers
from services.reward.query_selection import (
    draw_candidate_pairs,
    preference_disagreement,
    select_queries,
)
from services.reward.segment_pool import SegmentPool
from somersault.reward_model import RewardEnsemble
from somersault.types import StoredSegment

__all__ = ["Asker", "Proposer"]

_log = structlog.get_logger()

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
        ensemble: Callable[[], RewardEnsemble],
        seed: int,
        num_candidate_pairs: int,
        wants_clips: Literal["all", "sample", "none"],
    ) -> None:
        """Takes where segments are, who is asked, and the newest ensemble when it chooses."""
        self._pool = pool
        self._offers = offers
        self._proposer = proposer
        self._ensemble = ensemble
        self._seed = seed
        self._num_candidate_pairs = num_candidate_pairs
        self._wants_clips = wants_clips
        self._asked: set[frozenset[str]] = set()

    @property
    def num_asked(self) -> int:
        """Queries that count against the budget."""
        return len(self._asked)

    def restore(self, asked: Iterable[frozenset[str]]) -> None:
        """Hears which pairs of segments were asked about before a restart."""
        self._asked.update(asked)

    async def ask(self, num_queries: int) -> list[str]:
        """Asks up to ``num_queries`` queries and gives their ids, those with most disagreement first."""
        pairs = self._choose(num_queries)
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
        query_ids = await self._proposer.propose(proposals)
        self._asked.update(frozenset(pair) for pair in pairs if set(pair) <= stored.keys())
        _log.info("queries_proposed", num_queries=len(proposals), num_asked=self.num_asked)
        return query_ids

    def _choose(self, num_queries: int) -> list[tuple[str, str]]:
        available = np.array(self._offers.available_positions(), dtype=np.int64)
        if len(available) < 2:
            return []
        generator = np.random.default_rng((self._seed, self.num_asked))
        candidates = draw_candidate_pairs(
            generator, num_segments=len(available), num_pairs=self._num_candidate_pairs * num_queries
        )
        segment_ids = self._pool.segment_ids
        pairs = available[candidates]
        is_new = [frozenset((segment_ids[a], segment_ids[b])) not in self._asked for a, b in pairs]
        pairs = pairs[np.array(is_new, dtype=np.bool_)]
        chosen = select_queries(self._disagreement(pairs), pairs, num_queries=num_queries)
        return [(segment_ids[left], segment_ids[right]) for left, right in chosen]

    def _disagreement(self, pairs: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Gives ``[P]`` float64 for pairs ``[P, 2]`` of pool positions, scoring each segment once."""
        distinct, inverse = np.unique(pairs, return_inverse=True)
        observations, actions = self._pool.take(distinct)
        returns = self._ensemble().predict(observations, actions).sum(axis=-1)
        by_pair = returns[:, inverse.reshape(pairs.shape)]
        return preference_disagreement(by_pair[..., 0], by_pair[..., 1])

    def _proposal(self, first: StoredSegment, second: StoredSegment, *, number: int) -> Proposal:
        name = hashlib.sha256(f"{first.segment_id} {second.segment_id}".encode()).hexdigest()[:32]
        is_sampled = self._wants_clips == "sample" and number % _SAMPLE_EVERY == 0
        return Proposal(
            proposal_id=name,
            first=first,
            second=second,
            wants_clips=self._wants_clips == "all" or is_sampled,
        )
