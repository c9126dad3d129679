"""Real servers with certificates, and callers with others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass
from pydantic_settings import SettingsConfigDict

from somersault.domain.roles import Identity
from somersault.errors import SomersaultError
from somersault.rpc import open_channel, translated_errors
from somersault.runtime import app
from somersault.runtime.config import ServiceConfig
from somersault.wire.access import SERVICE_METHODS

__all__ = ["Everything", "EverythingConfig", "Served", "call_method", "serving"]


class EverythingConfig(ServiceConfig):
    """Settings of a service that serves every rpc that there is."""

    model_config = SettingsConfigDict(env_prefix="SOMERSAULT_EVERYTHING_")
    is_open_to_front_ends: bool = False

    @property
    def has_public_port(self) -> bool:
        """Whether it says so."""
        return self.is_open_to_front_ends


class Everything:
    """Answers each rpc of each service with an empty message and notes what it was called."""

    interceptors: Sequence[grpc.aio.ServerInterceptor] = ()

    def __init__(self) -> None:
        self.served: list[str] = []

    def add_to(self, server: grpc.aio.Server) -> Sequence[str]:
        """Serve every rpc of the protos."""
        for path, method in SERVICE_METHODS.items():
            service = method.containing_service.full_name
            handlers = {method.name: self._handler(path, method)}
            server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
        return sorted({method.containing_service.full_name for method in SERVICE_METHODS.values()})

    async def run(self) -> None:
        """Do nothing else."""
        await asyncio.Event().wait()

    async def drain(self) -> None:
        """Store nothing."""

    def _handler(self, path: str, method: MethodDescriptor) -> Any:
        reply = GetMessageClass(method.output_type)

        async def unary(_request: Any, _context: Any) -> Any:
            self.served.append(path)
            await asyncio.sleep(0)
            return reply()

        async def stream(_request: Any, _context: Any) -> AsyncIterator[Any]:
            self.served.append(path)
            yield reply()

        make: Any = getattr(
            grpc,
            f"{'stream' if method.client_streaming else 'unary'}_{'stream' if method.server_streaming else 'unary'}"
            "_rpc_method_handler",
        )
        return make(
            stream if method.server_streaming else unary,
            request_deserializer=GetMessageClass(method.input_type).FromString,
            response_serializer=reply.SerializeToString,
        )


class Served:
    """A server that runs."""

    def __init__(self, application: Everything, port: int, *, host: str) -> None:
        self.application = application
        self.port = port
        self.address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@asynccontextmanager
async def serving(certificates: Path | None, **settings: Any) -> AsyncIterator[Served]:
    """Serve every rpc as a service does, until left."""
    config = EverythingConfig(certificates_path=certificates, drain_s=0.2, **settings)
    application, stopped = Everything(), asyncio.Event()
    bound: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(
        app.serve(application, config, stopped=stopped, on_bound=bound.set_result)  # type: ignore[arg-type]
    )
    await asyncio.wait({task, bound}, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        task.result()
    try:
        yield Served(application, bound.result(), host=config.host)
    finally:
        stopped.set()
        await task


async def call_method(channel: grpc.aio.Channel, path: str, *, timeout_s: float = 10.0) -> None:
    """Call any rpc with an empty request and wait for its end.

    Raises:
        SomersaultError: How it was refused.
    """
    method = SERVICE_METHODS[path]
    kind = f"{'stream' if method.client_streaming else 'unary'}_{'stream' if method.server_streaming else 'unary'}"
    request, reply = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
    begin = getattr(channel, kind)(
        path, request_serializer=request.SerializeToString, response_deserializer=reply.FromString
    )
    sent: Any = iter([request()]) if method.client_streaming else request()
    with translated_errors():
        call = begin(sent, timeout=timeout_s)
        if method.server_streaming:
            async for _ in call:
                pass
        else:
            await call


async def refusal_of(
    address: str,
    certificates: Path | None,
    *,
    path: str = "/somersault.v1.LabelerService/WhoAmI",
    peer: Identity | None = Identity.LABELER,
) -> SomersaultError | None:
    """Call once over a new channel and return how it was refused; None if it wasn't."""
    async with open_channel(
        address, certificates=certificates, peer=peer, has_own_connection=True
    ) as channel:
        try:
            await call_method(channel, path)
        except SomersaultError as error:
            return error
    return None


def events(lines: Iterable[dict[str, Any]], event: str) -> list[dict[str, Any]]:
    """Return the log lines of an event."""
    return [line for line in lines if line["event"] == event]
