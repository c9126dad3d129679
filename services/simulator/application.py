"""The simulator's parts, wired together.

Rollouts are gathered on a thread of their own, as the learner's stream asks for them. The segments cut from
each go into a ring of offers, from which the stream to the reward service takes them. Clips are rendered in a
process of its own.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from typing import Any

import grpc.aio

from services.simulator.clips.clip_renderer import ClipRenderer
from services.simulator.clips.render_process import RenderProcess
from services.simulator.config import SimulatorConfig
from services.simulator.learner_stream import LearnerStream
from services.simulator.own_run import OwnRun
from services.simulator.reward_stream import RewardStream
from services.simulator.rollouts.gatherer import GathererSettings
from services.simulator.rollouts.gatherer_thread import GathererThread
from services.simulator.segments.offers import OfferRing
from services.simulator.service import SimulatorServicer
from somersault.domain.texts import check_name
from somersault.errors import ConfigError, UnavailableError
from somersault.storage import ObjectStore, check_store
from somersault.tasks import get_task
from somersault.v1 import simulator_pb2, simulator_pb2_grpc

__all__ = ["SimulatorApplication", "build"]


class SimulatorApplication:
    """The simulator: its servicer and its two streams. It stores nothing when it ends."""

    interceptors: Sequence[grpc.aio.ServerInterceptor[Any, Any]] = ()

    def __init__(
        self, config: SimulatorConfig, *, store: ObjectStore, render_process: RenderProcess | None
    ) -> None:
        """Wire the parts together."""
        self._config = config
        self._task = get_task(config.task)
        self._own_run = OwnRun(config.run_id)
        self._incarnation = secrets.token_hex(6)
        self._store = store
        self._render_process = render_process
        offers_segments = config.reward_address is not None and not config.is_reference
        self._offers = OfferRing(config.max_offered_segments) if offers_segments else None
        self._gatherer = self._make_gatherer()
        self._learner_stream = self._make_learner_stream()
        self._reward_stream = self._make_reward_stream()

    def add_to(self, server: grpc.aio.Server) -> Sequence[str]:
        """Add the servicer."""
        servicer = SimulatorServicer(
            self._task,
            own_run=self._own_run,
            incarnation=self._incarnation,
            store=self._store,
            renderer=ClipRenderer(
                self._task,
                own_run=self._own_run,
                store=self._store,
                process=self._render_process,
                max_waiting=self._config.max_waiting_clips,
            ),
            gatherer=self._gatherer,
            num_threads=self._config.num_threads,
        )
        simulator_pb2_grpc.add_SimulatorServiceServicer_to_server(servicer, server)
        return [simulator_pb2.DESCRIPTOR.services_by_name["SimulatorService"].full_name]

    async def run(self) -> None:
        """Keep both streams open."""
        async with asyncio.TaskGroup() as streams:
            if self._learner_stream is not None and self._gatherer is not None:
                streams.create_task(self._learner_stream.run())
                streams.create_task(self._gatherer.watch_calls())
            if self._reward_stream is not None:
                streams.create_task(self._reward_stream.run())
            await asyncio.Event().wait()

    async def drain(self) -> None:
        """Close the environments and end the process that renders clips."""
        if self._gatherer is not None:
            await self._gatherer.close()
        if self._render_process is not None:
            await self._render_process.close()

    def _make_gatherer(self) -> GathererThread | None:
        config = self._config
        if config.learner_address is None:
            return None
        return GathererThread(
            self._task,
            incarnation=self._incarnation,
            settings=GathererSettings(
                num_environments=config.num_environments,
                num_threads=config.num_threads,
                precision=config.precision,
                is_staggered=config.is_staggered,
                num_segments_per_episode=config.num_segments_per_episode,
            ),
            offers=self._offers,
            call_record_path=config.call_record_path,
        )

    def _make_learner_stream(self) -> LearnerStream | None:
        config = self._config
        if config.learner_address is None or self._gatherer is None:
            return None
        return LearnerStream(
            self._task,
            address=config.learner_address,
            own_run=self._own_run,
            simulator_id=config.simulator_id,
            incarnation=self._incarnation,
            gatherer=self._gatherer,
            is_reference=config.is_reference,
            certificates=config.certificates_path,
        )

    def _make_reward_stream(self) -> RewardStream | None:
        config = self._config
        if config.reward_address is None or self._offers is None:
            return None
        return RewardStream(
            self._task,
            address=config.reward_address,
            simulator_id=config.simulator_id,
            incarnation=self._incarnation,
            offers=self._offers,
            store=self._store,
            certificates=config.certificates_path,
        )


async def build(config: SimulatorConfig) -> SimulatorApplication:
    """Open the store and start the process that renders clips.

    Raises:
        SomersaultError: A setting, the store or OpenGL can't be used.
    """
    check_name("simulator_id", config.simulator_id)
    if config.run_id or config.run_identity:
        check_name("run_id", config.run_id)
    task = get_task(config.task)
    store = config.open_store()
    await asyncio.to_thread(store.check)
    await asyncio.to_thread(check_store, store, config.run_id, identity=config.run_identity)
    render_process = None
    if config.has_rendering:
        render_process = RenderProcess(
            task,
            max_clips_per_worker=config.max_clips_per_worker,
            timeout_s=config.clip_timeout_s,
        )
        try:
            await render_process.start()
        except UnavailableError as error:  # a library is missing, which doesn't come by waiting
            raise ConfigError(str(error)) from error
    return SimulatorApplication(config, store=store, render_process=render_process)
