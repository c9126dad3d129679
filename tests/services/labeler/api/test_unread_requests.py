"""Nothing is read of a request whose caller is refused: it costs neither memory nor time, whatever it holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from somersault.domain.roles import Role
from somersault.v1 import labeler_pb2 as pb
from tests.services.labeler.running import TOKENS, RunningLabeler

METHODS = [method.name for method in pb.DESCRIPTOR.services_by_name["LabelerService"].methods]
REFUSED = {
    "no token": (None, grpc.StatusCode.UNAUTHENTICATED),
    "an unknown token": ("nobody's", grpc.StatusCode.UNAUTHENTICATED),
    "another role's token": (TOKENS[Role.LABELER], grpc.StatusCode.PERMISSION_DENIED),
}
MALFORMED = b"\x0a\xff\xff\xff\xff\x0f"
MANY = b"\x12\x00" * 4_000_000  # that many empty proposals: 8 kB as gzip, half a gigabyte as objects


async def _refusal(
    labeler: RunningLabeler, method: str, body: bytes, *, token: str | None, **options: Any
) -> grpc.StatusCode:
    """Call a method with these bytes and return the status of its refusal."""
    metadata = (("authorization", f"Bearer {token}"),) if token else ()
    limits = [("grpc.max_send_message_length", -1)]
    async with grpc.aio.insecure_channel(labeler.address, options=limits) as channel:
        call = channel.unary_unary(f"/somersault.v1.LabelerService/{method}")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(body, metadata=metadata, timeout=20, **options)
    return caught.value.code()


def _peak_mb() -> int:
    """Return the most memory this process has used since the last `_forget_peak`, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM"))


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


async def test_a_refused_call_is_not_parsed(labeler: RunningLabeler) -> None:
    """Who has no token isn't even told that its request is malformed."""
    for method in METHODS:
        status = await _refusal(labeler, method, MALFORMED, token=None)
        assert status is grpc.StatusCode.UNAUTHENTICATED, method


@pytest.mark.parametrize("caller", REFUSED)
async def test_a_refused_call_costs_no_memory(labeler: RunningLabeler, caller: str) -> None:
    """A few kilobytes that would become half a gigabyte."""
    token, status = REFUSED[caller]
    _forget_peak()
    before = _peak_mb()
    assert await _refusal(labeler, "ProposeQueries", MANY, token=token) is status
    assert _peak_mb() - before < 60


async def test_a_compressed_call_costs_no_memory(labeler: RunningLabeler) -> None:
    """Not even one with a token: nothing is decompressed."""
    _forget_peak()
    before = _peak_mb()
    token, compression = TOKENS[Role.SERVICE], grpc.Compression.Gzip
    status = await _refusal(labeler, "ProposeQueries", MANY, token=token, compression=compression)
    assert status is grpc.StatusCode.UNIMPLEMENTED
    assert _peak_mb() - before < 60
