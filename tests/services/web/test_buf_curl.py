"""``buf curl``, a conformance client of Connect and gRPC that others wrote, against the real labeler and its gateway."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from somersault.domain.roles import Role
from tests.docs.documents import ROOT
from tests.services.labeler.judging import labeler_with_clips
from tests.services.labeler.running import RUN_ID, TOKENS
from tests.services.web.gateways import serving_gateway

SERVICE = "somersault.v1.LabelerService"


class RefusedError(Exception):
    """The code and message that buf printed."""


@dataclass
class Curl:
    """Calls with ``buf curl`` and a token."""

    url: str
    flags: tuple[str, ...]
    token: str = TOKENS[Role.LABELER]

    async def __call__(self, method: str, **data: Any) -> Any:
        """Return the response, or each response of a stream."""
        process = await asyncio.create_subprocess_exec(
            str(ROOT / "tools/buf.sh"), "curl", *self.flags, "--schema", str(ROOT / "protos"),
            "--header", f"authorization: Bearer {self.token}", "--data", json.dumps(data),
            f"{self.url}/{SERVICE}/{method}",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        async with asyncio.timeout(200):  # the first run on a machine installs buf
            out, error = await process.communicate()
        if process.returncode:
            raise RefusedError(error.decode())
        return json.loads(out or "{}")


@pytest_asyncio.fixture(loop_scope="session")
async def addresses(tmp_path: Path) -> AsyncIterator[tuple[str, str]]:
    """Where the gateway and the labeler behind it listen; two queries have their clips."""
    async with (
        labeler_with_clips(tmp_path, "one", "two", gold_interval=0) as labeler,
        serving_gateway(labeler.address, run_id=RUN_ID) as url,
    ):
        yield url, f"http://{labeler.address}"


@pytest.mark.parametrize("protocol", ["connect", pytest.param("grpc", marks=pytest.mark.slow)])
async def test_an_answer_and_its_change(addresses: tuple[str, str], protocol: str) -> None:
    """Connect by the gateway, gRPC by the labeler itself: lease, clip, answer, repeat, undo, counts."""
    if protocol == "connect":
        curl = Curl(addresses[0], ("--protocol", "connect"))
    else:
        curl = Curl(addresses[1], ("--protocol", "grpc", "--http2-prior-knowledge"))

    assert (await curl("WhoAmI"))["role"] == "ROLE_LABELER"
    (lease,) = (await curl("LeaseQueries", runId=RUN_ID, count=1))["leases"]
    clip = await curl("GetClip", queryId=lease["query"]["queryId"], side="PREFERENCE_LEFT")
    answer = {"leaseToken": lease["leaseToken"], "answerId": "a-1", "preference": "PREFERENCE_LEFT"}
    first = await curl("SubmitPreference", **answer, responseMs="900")
    again = await curl("SubmitPreference", **answer, responseMs="900")
    change = await curl("RevisePreference", answerId="a-1", version=2, preference="PREFERENCE_RIGHT")
    stats = await curl("GetStats", runId=RUN_ID)

    assert clip["clipSha256"] == lease["query"]["left"]["clipSha256"]
    assert first == again
    assert first["record"]["responseMs"] == "900"
    assert (change["record"]["cursor"], change["record"]["version"]) == ("2", 2)
    assert (stats["numOwn"], stats["numReady"]) == ("1", "1")


@pytest.mark.parametrize(
    ("token", "method", "data", "code", "names"),
    [
        ("nobodys-token-0123456789", "WhoAmI", {}, "unauthenticated", "token"),
        (TOKENS[Role.LABELER], "ListLabelers", {}, "permission_denied", "owner"),
        (TOKENS[Role.LABELER], "LeaseQueries", {"count": 11}, "invalid_argument", "count"),
        (TOKENS[Role.OWNER], "ExportPreferences", {"runId": RUN_ID}, "unimplemented", "gateway"),
    ],
)
async def test_refusals_are_understood(
    addresses: tuple[str, str], token: str, method: str, data: dict[str, Any], code: str, names: str
) -> None:
    """Code and message come through as Connect errors."""
    curl = Curl(addresses[0], ("--protocol", "connect"), token)

    with pytest.raises(RefusedError) as refused:
        await curl(method, **data)

    said = json.loads(str(refused.value))
    assert said["code"] == code
    assert names in said["message"]
