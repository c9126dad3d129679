"""A small simulator: gathers what it is assigned, offers segments now and then, stores what is demanded."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np

from services.learner.rollouts.collector import Collector
from services.learner.rollouts.session import Assignment
from services.reward.segments.offers import Offers
from somersault.domain.trajectory import Rollout, Segment, StoredSegment
from somersault.storage import ObjectStore
from tests.services.reward.doubles import SPEC, make_segment, store_segment

__all__ = ["ENV_STEPS", "SimulatorModel"]

_ROLLOUT_S = 1.0
_STEPS, _ENVIRONMENTS = 2, 5
ENV_STEPS = _STEPS * _ENVIRONMENTS
"""Of a rollout."""

_EPISODE_ROLLOUTS = 4
"""A fresh simulator has nothing to offer before its first episodes end."""
_SEGMENTS = 6
_RING = 40
"""Segments that it keeps."""


class SimulatorModel:
    """One life of a simulator."""

    def __init__(self, incarnation: str, store: ObjectStore) -> None:
        self.incarnation = incarnation
        self._store = store
        self._sequence = 0
        self._offers: dict[int, list[Segment]] = {}
        self._has_news = asyncio.Event()

    async def collect(self, collector: Collector) -> None:
        """Work for a learner until cancelled."""
        session = collector.join(
            simulator_id="sim", incarnation=self.incarnation, num_environments=_ENVIRONMENTS
        )
        try:
            while True:
                item = await session.outbox.get()
                if isinstance(item, Assignment):
                    await asyncio.sleep(_ROLLOUT_S)
                    collector.deliver(session, self._gather(item.policy_version))
        finally:
            collector.leave(session)

    async def offer(self, offers: Offers) -> None:
        """Offer to a reward service all that is kept, and store for it, until cancelled."""
        session = offers.join(self.incarnation)
        offering: asyncio.Task[None] = asyncio.ensure_future(self._offer(offers, session))
        try:
            while True:
                demand = await session.outbox.get()
                stored = [self._keep(segment_id) for segment_id in demand.segment_ids]
                offers.stored(session, demand.demand_id, [place for place in stored if place])
        finally:
            offering.cancel()
            offers.leave(session)

    async def _offer(self, offers: Offers, session: Any) -> None:
        newest = -1
        while True:
            self._has_news.clear()
            for sequence in [each for each in self._offers if each > newest]:
                offers.offer(session, sequence, self._offers[sequence])
                newest = sequence
            await self._has_news.wait()

    def _keep(self, segment_id: str) -> StoredSegment | None:
        for segments in self._offers.values():
            for segment in segments:
                if segment.segment_id == segment_id:
                    return store_segment(self._store, segment)
        return None

    def _gather(self, policy_version: int) -> Rollout:
        sequence, self._sequence = self._sequence, self._sequence + 1
        ended = _SEGMENTS if sequence % _EPISODE_ROLLOUTS == _EPISODE_ROLLOUTS - 1 else 0
        names = [f"{self.incarnation}x{sequence}x{index}" for index in range(ended)]
        self._offers[sequence] = [
            make_segment(name, index / 5, sequence=sequence) for index, name in enumerate(names)
        ]
        while sum(map(len, self._offers.values())) > _RING:
            del self._offers[next(iter(self._offers))]
        self._has_news.set()
        steps = (_STEPS, _ENVIRONMENTS)
        return Rollout(
            sequence=sequence,
            policy_version=policy_version,
            observations=np.ones((*steps, *SPEC.frame_shape), np.float32),
            actions=np.zeros((*steps, *SPEC.action_shape), np.float32),
            log_probs=np.zeros(steps, np.float32),
            is_truncated=np.zeros(steps, np.bool_),
            final_observations=np.zeros((0, *SPEC.frame_shape), np.float32),
            next_observations=np.ones((_ENVIRONMENTS, *SPEC.frame_shape), np.float32),
        )
