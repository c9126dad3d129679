"""Runs a simulator: ``python -m services.simulator --help``."""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import Sequence
from typing import Any

import grpc.aio

from services.simulator.clips.clip_renderer import ClipDrawer
from services.simulator.clips.render_process import ClipRenderer
from services.simulator.config import SimulatorConfig
from services.simulator.learner_stream import RolloutCollector
from services.simulator.reward_stream import SegmentOfferer
from services.simulator.segments.offers import Offer
from services.simulator.service import SimulatorServicer
from somersault.domain.texts import check_name
from somersault.runtime import app
from somersault.storage import ObjectStore, open_store
from somersault.tasks import get_task
from somersault.v1 import simulator_pb2, simulator_pb2_grpc


class SimulatorApplication:
    """The simulator: its servicer and its two streams. It stores nothing when it ends."""

    interceptors: Sequence[grpc.aio.ServerInterceptor[Any, Any]] = ()

    def __init__(self, config: SimulatorConfig, *, store: ObjectStore, renderer: ClipRenderer | None) -> None:
        """Wires the parts together."""
        self._config = config
        self._task = get_task(config.task)
        self._incarnation = secrets.token_hex(6)
        self._store = store
        self._renderer = renderer
        self._offerer = self._make_offerer()
        self._collector = self._make_collector()

    def add_to(self, server: grpc.aio.Server) -> Sequence[str]:
        """Adds the servicer."""
        servicer = SimulatorServicer(
            self._task,
            incarnation=self._incarnation,
            store=self._store,
            drawer=ClipDrawer(
                self._task,
                store=self._store,
                renderer=self._renderer,
                max_waiting=self._config.max_waiting_clips,
            ),
            collector=self._collector,
            num_threads=self._config.num_threads,
        )
        simulator_pb2_grpc.add_SimulatorServiceServicer_to_server(servicer, server)
        return [simulator_pb2.DESCRIPTOR.services_by_name["SimulatorService"].full_name]

    async def run(self) -> None:
        """Keep both streams open."""
        async with asyncio.TaskGroup() as streams:
            if self._collector is not None:
                streams.create_task(self._collector.run())
                streams.create_task(self._collector.life.watch_calls())
            if self._offerer is not None:
                streams.create_task(self._offerer.run())
            await asyncio.Event().wait()

    async def drain(self) -> None:
        """Close the environments and end the process that draws clips."""
        if self._collector is not None:
            await self._collector.life.close()
        if self._renderer is not None:
            await self._renderer.close()

    def _make_offerer(self) -> SegmentOfferer | None:
        config = self._config
        if config.reward_address is None or config.is_reference:
            return None
        return SegmentOfferer(
            self._task,
            address=config.reward_address,
            simulator_id=config.simulator_id,
            incarnation=self._incarnation,
            store=self._store,
            max_segments=config.max_offered_segments,
        )

    def _make_collector(self) -> RolloutCollector | None:
        config = self._config
        if config.learner_address is None:
            return None
        return RolloutCollector(
            self._task,
            address=config.learner_address,
            simulator_id=config.simulator_id,
            incarnation=self._incarnation,
            num_environments=config.num_environments,
            num_threads=config.num_threads,
            precision=config.precision,
            is_staggered=config.is_staggered,
            num_segments_per_episode=config.num_segments_per_episode,
            is_reference=config.is_reference,
            add_offer=self._add_offer,
            call_record_path=config.call_record_path,
        )

    def _add_offer(self, offer: Offer, run_id: str) -> None:
        if self._offerer is not None:
            self._offerer.add(offer, run_id=run_id)


async def build(config: SimulatorConfig) -> SimulatorApplication:
    """Opens the store and starts the process that draws clips.

    Raises:
        SomersaultError: a setting, the store or OpenGL can't be used.
    """
    check_name("simulator_id", config.simulator_id)
    task = get_task(config.task)
    secret = config.storage_secret_key
    store = open_store(
        config.storage_url,
        access_key=config.storage_access_key,
        secret_key=secret.get_secret_value() if secret else None,
    )
    await asyncio.to_thread(store.check)
    renderer = None
    if config.has_rendering:
        renderer = ClipRenderer(
            task,
            max_clips_per_worker=config.max_clips_per_worker,
            timeout_s=config.clip_timeout_s,
        )
        await renderer.start()
    return SimulatorApplication(config, store=store, renderer=renderer)


if __name__ == "__main__":
    sys.exit(app.main("simulator", SimulatorConfig, build))
