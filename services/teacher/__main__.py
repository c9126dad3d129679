"""Runs a teacher: ``python -m services.teacher --help``."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from typing import Any

import grpc.aio

from services.teacher.config import TeacherConfig
from services.teacher.judge import open_judge
from services.teacher.labeler_client import LabelerClient
from services.teacher.loop import Teaching
from somersault.domain.texts import check_name
from somersault.runtime import app
from somersault.storage import open_store


class TeacherApplication:
    """A teacher: it serves nothing but its health."""

    interceptors: Sequence[grpc.aio.ServerInterceptor[Any, Any]] = ()

    def __init__(self, client: LabelerClient, teaching: Teaching) -> None:
        """Takes what it does."""
        self._client = client
        self._teaching = teaching

    def add_to(self, server: grpc.aio.Server) -> Sequence[str]:
        """Adds nothing."""
        return ()

    async def run(self) -> None:
        """Answers."""
        await self._teaching.run()

    async def drain(self) -> None:
        """Hangs up."""
        await self._client.close()


async def build(config: TeacherConfig) -> TeacherApplication:
    """Opens the store; the labeler may come later.

    Raises:
        SomersaultError: a setting or the store can't be used.
    """
    check_name("run_id", config.run_id)
    judge = open_judge(config.kind, seed=config.seed)
    secret = config.storage_secret_key
    store = open_store(
        config.storage_url,
        access_key=config.storage_access_key,
        secret_key=secret.get_secret_value() if secret else None,
    )
    # A look, not `check`: a teacher needs no right to write.
    await asyncio.to_thread(store.exists, f"{config.run_id}/sealed/.none")
    client = LabelerClient(
        config.labeler_address, token=config.token.get_secret_value(), run_id=config.run_id
    )
    teaching = Teaching(client, store, judge, num_leases=config.num_leases, lease_s=config.lease_s)
    return TeacherApplication(client, teaching)


if __name__ == "__main__":
    sys.exit(app.main("teacher", TeacherConfig, build))
