"""Puts the labeler service together."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from typing import Any

import grpc.aio
import structlog

from services.labeler.api.authentication import Authentication
from services.labeler.api.service import Labeling, add_to_server
from services.labeler.clips.policy_clips import PolicyClips
from services.labeler.clips.practice import Practice
from services.labeler.clips.render_queue import ClipDrawing
from services.labeler.config import LabelerConfig
from services.labeler.database import open_database
from services.labeler.feedback.answers import Answering
from services.labeler.feedback.log_import import Importing
from services.labeler.oversight.gauges import Gauges
from services.labeler.oversight.labeler_quality import Oversight
from services.labeler.people.labelers import Labelers, read_tokens
from services.labeler.queries.leases import Leasing
from services.labeler.queries.proposals import Proposals
from services.labeler.runs.progress import Watching
from services.labeler.runs.run_identity import check_run_identity
from services.labeler.runs.run_settings import RunSettings
from services.labeler.simulator_client import SimulatorClients
from services.labeler.webhooks.client import WebhookClient
from services.labeler.webhooks.delivery import WebhookDelivery
from services.labeler.webhooks.registry import Webhooks
from somersault.errors import SomersaultError
from somersault.rpc import Notifier
from somersault.storage import ObjectStore, open_store
from somersault.tasks import get_task

__all__ = ["LabelerApplication", "build"]

_log = structlog.get_logger()


class LabelerApplication:
    """The labeler: its servicer, and beside it the drawing of clips and what is sent to webhooks."""

    def __init__(
        self,
        config: LabelerConfig,
        labeling: Labeling,
        *,
        simulators: SimulatorClients,
        queries_changed: Notifier,
    ) -> None:
        """Wires the parts together."""
        self._labeling = labeling
        self._simulators = simulators
        self._drawing = ClipDrawing(
            labeling.database,
            labeling.store,
            self._simulators,
            queries_changed=queries_changed,
            max_concurrent=config.max_concurrent_renders,
            max_failures=config.max_render_failures,
            timeout_s=config.render_timeout_s,
        )
        self._webhook_client = WebhookClient(allows_private=config.allow_private_webhooks)
        self.interceptors: Sequence[grpc.aio.ServerInterceptor[Any, Any]] = [
            Authentication(labeling.labelers)
        ]

    def add_to(self, server: grpc.aio.Server) -> Sequence[str]:
        """Adds the servicer."""
        return add_to_server(server, self._labeling)

    async def run(self) -> None:
        """Has clips drawn and the log sent to webhooks, and keeps the gauges fresh."""
        async with asyncio.TaskGroup() as group:
            group.create_task(Gauges(self._labeling.database).run())
            group.create_task(WebhookDelivery(self._labeling.database, self._webhook_client).run())
            if len(self._simulators):
                group.create_task(self._drawing.run())
            else:
                _log.warning("clips_are_not_drawn", reason="simulator_addresses is empty")

    async def drain(self) -> None:
        """Commits what waits and closes the database."""
        await self._simulators.close()
        self._webhook_client.close()
        await asyncio.to_thread(self._labeling.database.close)


async def build(config: LabelerConfig) -> LabelerApplication:
    """Opens the database and the store, and makes the first tokens known.

    Raises:
        SomersaultError: a setting, the database or the store can't be used.
    """
    tokens = read_tokens(config.token_path) if config.token_path else {}
    store = await _open_store(config)
    database = await asyncio.to_thread(open_database, config.database_url.get_secret_value())
    try:
        await check_run_identity(database, store, run_id=config.run_id, identity=config.run_identity)
    except SomersaultError:
        await asyncio.to_thread(database.close)  # its thread would keep the process
        raise
    queries_changed, log_grew = Notifier(), Notifier()
    simulators = SimulatorClients(config.simulator_addresses, timeout_s=config.render_timeout_s)
    labeling = Labeling(
        database=database,
        store=store,
        proposals=Proposals(database, queries_changed=queries_changed),
        leasing=Leasing(database, queries_changed=queries_changed, max_leases=config.max_leases),
        answering=Answering(database, log_grew=log_grew),
        policy_clips=PolicyClips(database, store),
        practice=Practice(database, own_task=get_task(config.task) if config.task else None),
        oversight=Oversight(database, log_grew=log_grew),
        importing=Importing(database, log_grew=log_grew),
        run_settings=RunSettings(database, queries_changed=queries_changed, log_grew=log_grew),
        labelers=Labelers(database),
        watching=Watching(database, simulators),
        webhooks=Webhooks(database, allows_private=config.allow_private_webhooks),
    )
    await labeling.labelers.make_known(tokens)
    token = await labeling.labelers.create_first_owner()
    if token is not None:
        sys.stdout.write(f"the owner's token, shown this once: {token}\n")
        sys.stdout.flush()
    return LabelerApplication(config, labeling, simulators=simulators, queries_changed=queries_changed)


async def _open_store(config: LabelerConfig) -> ObjectStore:
    secret = config.storage_secret_key
    store = open_store(
        config.storage_url,
        access_key=config.storage_access_key,
        secret_key=secret.get_secret_value() if secret else None,
    )
    await asyncio.to_thread(store.check)
    return store
