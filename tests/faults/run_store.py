"""The S3 server of a run, behind a proxy, which can be slow, away, wrong or killed."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import ClassVar, cast

from tests.faults.faults import Fault
from tests.faults.proxy import MODES, Mode, Proxy
from tests.somersault.storage.conftest import ACCESS_KEY, SECRET_KEY, StoreServer, find_free_port

__all__ = ["RunStore"]


class RunStore:
    """Serves a folder by rclone."""

    keys: ClassVar = {
        "SOMERSAULT_STORAGE_ACCESS_KEY": ACCESS_KEY,
        "SOMERSAULT_STORAGE_SECRET_KEY": SECRET_KEY,
    }
    """What the environment of whoever uses it must have."""

    def __init__(self, folder: Path, *, seed: int) -> None:
        """Keep its objects in that folder; nothing is started."""
        self._folder = folder
        self._port = find_free_port()
        self._proxy = Proxy(self._port, seed=seed)

    @contextlib.asynccontextmanager
    async def serve(self) -> AsyncIterator[str]:
        """Serve, and yield the URL."""
        objects = self._folder / "s3"
        objects.mkdir()
        command = [str(Path(sys.executable).with_name("rclone")), "serve", "s3", "--config", ""]
        command += ["--auth-key", f"{ACCESS_KEY},{SECRET_KEY}", "--addr", f"127.0.0.1:{self._port}"]
        self._server = StoreServer([*command, str(objects)], self._port, self._folder / "s3.log")
        await asyncio.to_thread(self._server.start)
        await self._proxy.start()
        try:
            yield f"s3://127.0.0.1:{self._proxy.port}/bucket?secure=false&create=true"
        finally:
            await self._proxy.close()
            self._server.kill()

    async def do(self, fault: Fault) -> None:
        """Do it, and end it."""
        if fault.kind == "kill":
            await asyncio.to_thread(self._server.kill)
            await asyncio.sleep(fault.for_s)
            await asyncio.to_thread(self._server.start)
            return
        assert fault.kind in MODES
        self._proxy.set(cast("Mode", fault.kind))
        await asyncio.sleep(fault.for_s)
        self._proxy.set("pass")
