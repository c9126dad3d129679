"""Puts the teacher together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import grpc.aio

from services.teacher.config import TeacherConfig
from services.teacher.judge import open_judge
from services.teacher.labeler_client import LabelerClient
from services.teacher.loop import TeacherLoop
from somersault.domain.texts import check_name

__all__ = ["TeacherApplication", "build"]


class TeacherApplication:
    """A teacher. It serves nothing but its health."""

    interceptors: Sequence[grpc.aio.ServerInterceptor[Any, Any]] = ()

    def __init__(self, client: LabelerClient, loop: TeacherLoop) -> None:
        """Keep the loop to run and the client to close after it."""
        self._client = client
        self._loop = loop

    def add_to(self, server: grpc.aio.Server) -> Sequence[str]:
        """Add nothing."""
        return ()

    async def run(self) -> None:
        """Answer queries until cancelled."""
        await self._loop.run()

    async def drain(self) -> None:
        """Close the connection to the labeler."""
        await self._client.close()


async def build(config: TeacherConfig) -> TeacherApplication:
    """Open the store and return the application; the labeler may start later.

    Raises:
        SomersaultError: A setting or the store can't be used.
    """
    check_name("run_id", config.run_id)
    judge = open_judge(config.kind, seed=config.seed)
    store = config.open_store()
    # Not `check`, which writes: a teacher needs no right to write.
    await asyncio.to_thread(store.exists, f"{config.run_id}/sealed/.none")
    client = LabelerClient(
        config.labeler_address,
        token=config.token.get_secret_value(),
        run_id=config.run_id,
        certificates=config.certificates_path,
    )
    loop = TeacherLoop(client, store, judge, num_leases=config.num_leases, lease_s=config.lease_s)
    return TeacherApplication(client, loop)
