"""Calls a run's labeler as the run's owner, and sends it rows through the public ``ImportPreferences`` rpc."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence

import grpc.aio

from somersault.cli.pages.addresses import read_addresses
from somersault.cli.run.config import RunConfig
from somersault.cli.run.folder import RunFolder
from somersault.cli.services.certificates import certificates_of
from somersault.cli.services.run_services import RunServices
from somersault.domain.roles import Identity, Role
from somersault.errors import NotFoundError, SomersaultError, UnavailableError
from somersault.rpc import call, open_channel
from somersault.tasks import get_task
from somersault.v1 import labeler_pb2, labeler_pb2_grpc, preference_pb2
from somersault.wire.preference_rows import LogMessage

__all__ = ["called_labeler", "send", "served_address", "serving_labeler"]

_MAX_ROWS = 1000  # of one call, which is taken whole or not at all
_TIMEOUT_S = 60.0
_RETRY_FOR_S = 60.0


@contextlib.asynccontextmanager
async def serving_labeler(config: RunConfig, folder: RunFolder) -> AsyncIterator[str]:
    """Start the labeler of a run that is not in use and yield its address.

    Raises:
        SomersaultError: it can't be started.
    """
    services = RunServices(config, folder, names=["labeler"])
    try:
        await services.start_processes()
        yield services.addresses.labeler_of_tools
    finally:
        await services.supervisor.stop()


def served_address(folder: RunFolder, *, user: str) -> str:
    """Return the address of the labeler of a run that another command is using.

    Raises:
        UnavailableError: that command is still starting it.
    """
    if not folder.addresses.is_file():
        raise UnavailableError(f"somersault {user} is starting {folder.path}; try again in a few seconds")
    addresses = read_addresses(folder.addresses)
    return addresses.labeler_of_tools or addresses.labeler


@contextlib.asynccontextmanager
async def called_labeler(
    config: RunConfig, folder: RunFolder
) -> AsyncIterator[labeler_pb2_grpc.LabelerServiceAsyncStub]:
    """Let the run's owner call its labeler, which is started for that if no command is using the run.

    Raises:
        SomersaultError: it can't be reached.
    """
    async with contextlib.AsyncExitStack() as stack:
        user = folder.user()
        if user is None:
            folder.resume()
            address = await stack.enter_async_context(serving_labeler(config, folder))
        else:
            address = served_address(folder, user=user)
        channel = await stack.enter_async_context(_open(folder, address))
        yield labeler_pb2_grpc.LabelerServiceStub(channel)


async def send(
    config: RunConfig, folder: RunFolder, address: str, messages: Sequence[LogMessage]
) -> tuple[int, int]:
    """Send rows to a run's labeler; return how many were new and how many it had.

    Raises:
        SomersaultError: it refused or was unavailable; the text says how many rows were imported.
    """
    num_new = num_known = 0
    async with _open(folder, address) as channel:
        stub = labeler_pb2_grpc.LabelerServiceStub(channel)
        for begin in range(0, len(messages), _MAX_ROWS):
            request = _request(config.run_id, messages[begin : begin + _MAX_ROWS])
            try:
                response = await _call(stub, request, config)
            except SomersaultError as error:
                if not begin:
                    raise
                told = f"of {len(messages)} rows {begin} are in, and what the same command brings again counts once"
                raise type(error)(f"{error}; {told}") from error
            num_new += response.num_imported
            num_known += response.num_known
    return num_new, num_known


def _open(folder: RunFolder, address: str) -> grpc.aio.Channel:
    """Dial a run's labeler as the run's own tool; that of an older version, which may be at work still, has no certificates."""
    certificates = certificates_of(folder.certificates, Identity.OWNER)
    return open_channel(
        address,
        token=folder.read_tokens()[Role.OWNER],
        certificates=certificates if certificates.is_dir() else None,
        peer=Identity.LABELER,
    )


async def _call(
    stub: labeler_pb2_grpc.LabelerServiceAsyncStub,
    request: labeler_pb2.ImportPreferencesRequest,
    config: RunConfig,
) -> labeler_pb2.ImportPreferencesResponse:
    """Import rows; the run is created first if it was stopped before its labeler knew it."""
    response: labeler_pb2.ImportPreferencesResponse
    try:
        response = await call(stub.ImportPreferences, request, timeout_s=_TIMEOUT_S, retry_for_s=_RETRY_FOR_S)
    except NotFoundError:
        task = get_task(config.task)
        run = labeler_pb2.CreateRunRequest(run_id=config.run_id, task=task.name, question=task.question)
        await call(stub.CreateRun, run, timeout_s=_TIMEOUT_S, retry_for_s=_RETRY_FOR_S)
        response = await call(stub.ImportPreferences, request, timeout_s=_TIMEOUT_S, retry_for_s=_RETRY_FOR_S)
    return response


def _request(run_id: str, messages: Sequence[LogMessage]) -> labeler_pb2.ImportPreferencesRequest:
    request = labeler_pb2.ImportPreferencesRequest(run_id=run_id)
    for message in messages:
        if isinstance(message, preference_pb2.WeightChange):
            request.weight_changes.append(message)
        else:
            request.records.append(message)
    return request
