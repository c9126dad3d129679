"""Puts the labeler service together."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import grpc.aio
import structlog

from services.labeler.api.authentication import Authentication
from services.labeler.api.parts import LabelerParts
from services.labeler.api.service import add_to_server
from services.labeler.clips.policy_clips import PolicyClips
from services.labeler.clips.practice import Practice
from services.labeler.clips.query_clips import QueryClips
from services.labeler.clips.render_queue import RenderQueue
from services.labeler.config import LabelerConfig
from services.labeler.database import open_database
from services.labeler.database.engine import Database
from services.labeler.database.sqlite_file import sqlite_path, truncate_wal
from services.labeler.feedback.answers import Answers
from services.labeler.feedback.log_import import LogImport
from services.labeler.feedback.preference_log import PreferenceLog
from services.labeler.oversight.audit_log import AuditLog
from services.labeler.oversight.gauges import Gauges
from services.labeler.oversight.labeler_quality import LabelerQuality
from services.labeler.people.labelers import Labelers
from services.labeler.people.sessions import Sessions
from services.labeler.people.token_files import read_tokens, write_token
from services.labeler.queries.leases import Leases
from services.labeler.queries.proposals import Proposals
from services.labeler.runs.progress import RunProgress
from services.labeler.runs.run_identity import check_run_identity
from services.labeler.runs.runs import Runs
from services.labeler.simulator_client import SimulatorClients
from services.labeler.webhooks.client import WebhookClient
from services.labeler.webhooks.delivery import WebhookDelivery
from services.labeler.webhooks.registry import WebhookRegistry
from services.labeler.webhooks.sealing import SecretBox
from somersault.errors import SomersaultError
from somersault.rpc import Notifier, bind
from somersault.rpc.tls.folder import open_folder
from somersault.rpc.tls.server import public_tls
from somersault.runtime.addresses import is_loopback
from somersault.storage import ObjectStore
from somersault.tasks import get_task

__all__ = ["LabelerApplication", "build"]

_log = structlog.get_logger()


class LabelerApplication:
    """The labeler: its servicer and, beside it, the rendering of clips and the delivery of webhooks."""

    def __init__(
        self,
        parts: LabelerParts,
        *,
        config: LabelerConfig,
        database: Database,
        simulators: SimulatorClients,
        render_queue: RenderQueue,
        webhook_client: WebhookClient,
        secret_box: SecretBox,
    ) -> None:
        """Take the parts that serve the rpcs and those that work in the background."""
        self._parts = parts
        self._config = config
        self._database = database
        self._simulators = simulators
        self._render_queue = render_queue
        self._webhook_client = webhook_client
        self._secret_box = secret_box
        self.interceptors: Sequence[grpc.aio.ServerInterceptor[Any, Any]] = [Authentication(parts.labelers)]

    def add_to(self, server: grpc.aio.Server) -> Sequence[str]:
        """Add the servicer, and the port for front ends."""
        if self._config.public_port is not None:
            _bind_public(server, self._config, port=self._config.public_port)
        return add_to_server(server, self._parts)

    async def run(self) -> None:
        """Render clips, deliver the log to webhooks, and refresh the gauges until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(Gauges(self._database).run())
            group.create_task(WebhookDelivery(self._database, self._webhook_client, self._secret_box).run())
            if len(self._simulators):
                group.create_task(self._render_queue.run())
            else:
                _log.warning("clips_are_not_rendered", reason="simulator_addresses is empty")

    async def drain(self) -> None:
        """Commit pending writes and close the database."""
        await self._simulators.close()
        self._webhook_client.close()
        await asyncio.to_thread(self._database.close)


def _bind_public(server: grpc.aio.Server, config: LabelerConfig, *, port: int) -> None:
    assert config.certificates_path is not None, "the settings ask for both"
    is_plain = is_loopback(config.host)
    credentials = None if is_plain else public_tls(open_folder(config.certificates_path))
    bound = bind(server, host=config.host, port=port, credentials=credentials)
    _log.info("serving_front_ends", host=config.host, port=bound, is_encrypted=not is_plain)


async def build(config: LabelerConfig) -> LabelerApplication:
    """Open the database and the store, and register the first tokens.

    Raises:
        SomersaultError: a setting, the database or the store can't be used.
    """
    tokens = read_tokens(config.token_path) if config.token_path else {}
    store = config.open_store()
    await asyncio.to_thread(store.check)
    database = await asyncio.to_thread(open_database, config.database_url.get_secret_value())
    async with _closed_if_refused(database):
        await check_run_identity(database, store, run_id=config.run_id, identity=config.run_identity)
    queries_changed = Notifier()
    simulators = SimulatorClients(
        config.simulator_addresses,
        timeout_s=config.render_timeout_s,
        certificates=config.certificates_path,
    )
    secret_box = SecretBox(_key_path(config))
    parts = _parts(config, database, store, simulators, secret_box, queries_changed=queries_changed)
    async with _closed_if_refused(database):
        await _seal_older(parts.webhooks, config)
        await parts.labelers.make_known(tokens, run_id=config.run_id)
        await _make_first_owner(parts.labelers, config)
    render_queue = RenderQueue(
        database,
        store,
        simulators,
        queries_changed=queries_changed,
        max_concurrent=config.max_concurrent_renders,
        max_failures=config.max_render_failures,
        timeout_s=config.render_timeout_s,
    )
    return LabelerApplication(
        parts,
        config=config,
        database=database,
        simulators=simulators,
        render_queue=render_queue,
        webhook_client=WebhookClient(allows_private=config.allow_private_webhooks),
        secret_box=secret_box,
    )


@contextlib.asynccontextmanager
async def _closed_if_refused(database: Database) -> AsyncIterator[None]:
    try:
        yield
    except SomersaultError:
        await asyncio.to_thread(database.close)  # its thread would keep the process alive
        raise


async def _make_first_owner(labelers: Labelers, config: LabelerConfig) -> None:
    """Keep the first owner's token in a file: what a service prints is kept as a log, which more people read."""
    path = config.first_token_path or _beside_database(config, ".owner-token")
    if await labelers.create_first_owner(keep=lambda token: write_token(path, token)):
        sys.stdout.write(f"the first owner's token is in {path}\n")
        sys.stdout.flush()


def _key_path(config: LabelerConfig) -> Path | None:
    return config.secret_key_path or _beside_database(config, ".key")


def _beside_database(config: LabelerConfig, suffix: str) -> Path | None:
    database = sqlite_path(config.database_url.get_secret_value())
    return database.with_name(f"{database.name}{suffix}") if database else None


async def _seal_older(webhooks: WebhookRegistry, config: LabelerConfig) -> None:
    """Encrypt what an older version stored in plain text, and leave nothing of that in an SQLite database's files."""
    num_sealed = await webhooks.seal_older()
    if not num_sealed:
        return
    _log.info("webhook_secrets_encrypted", number=num_sealed)
    database = sqlite_path(config.database_url.get_secret_value())
    if database is not None:
        await asyncio.to_thread(truncate_wal, database)


def _parts(
    config: LabelerConfig,
    database: Database,
    store: ObjectStore,
    simulators: SimulatorClients,
    secret_box: SecretBox,
    *,
    queries_changed: Notifier,
) -> LabelerParts:
    log_grew, labelers = Notifier(), Labelers(database)
    return LabelerParts(
        runs=Runs(database, queries_changed=queries_changed, log_grew=log_grew),
        run_progress=RunProgress(database, simulators),
        proposals=Proposals(database, queries_changed=queries_changed),
        leases=Leases(
            database,
            queries_changed=queries_changed,
            max_leases=config.max_leases,
            max_age_s=config.max_lease_age_s,
        ),
        answers=Answers(database, log_grew=log_grew),
        preference_log=PreferenceLog(database, log_grew=log_grew),
        log_import=LogImport(database, log_grew=log_grew),
        query_clips=QueryClips(database, store, queries_changed=queries_changed),
        policy_clips=PolicyClips(database, store),
        practice=Practice(database, own_task=get_task(config.task) if config.task else None),
        labelers=labelers,
        sessions=Sessions(database, labelers),
        labeler_quality=LabelerQuality(database, log_grew=log_grew),
        audit_log=AuditLog(database),
        webhooks=WebhookRegistry(database, secret_box, allows_private=config.allow_private_webhooks),
    )
