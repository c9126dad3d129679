"""Another user of the machine gets nothing from a run's ports but refusals, and nothing from its folder.

Kind: a port of a run on one machine that serves callers who can't read the run's folder.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from somersault.cli.services.certificates import write_certificates
from somersault.domain.roles import Identity
from somersault.rpc import open_channel
from somersault.v1 import labeler_pb2, learner_pb2, reward_pb2, simulator_pb2
from tests.e2e.runs import Run, train

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(900)]

_NOBODY = 65534
_REFUSED = {
    grpc.StatusCode.UNAVAILABLE,  # the handshake failed
    grpc.StatusCode.UNAUTHENTICATED,  # no token
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.UNIMPLEMENTED,  # a service that this port doesn't have, which says nothing about the others
}
_SERVICES = [
    service
    for file in (labeler_pb2, learner_pb2, reward_pb2, simulator_pb2)
    for service in file.DESCRIPTOR.services_by_name.values()
]
METHODS = [
    (f"/{service.full_name}/{method.name}", method) for service in _SERVICES for method in service.methods
]


def _ports(run: Run) -> dict[str, list[int]]:
    """Each service's ports, from the command lines of its processes."""
    found: dict[str, list[int]] = {}
    for name in ("learner", "simulator", "reward", "labeler", "teacher"):
        line = Path(f"/proc/{run.pid_of(name)}/cmdline").read_text()
        found[name] = [int(port) for port in re.findall(r"--(?:public-)?port\0(\d+)\0", line)]
    return found


async def _status_of(channel: grpc.aio.Channel, path: str, method: Any) -> grpc.StatusCode:
    """How a call with an empty request ends; of a stream, how its first answer comes."""
    sent = iter([b""]) if method.client_streaming else b""
    kinds = {False: "unary", True: "stream"}
    kind = f"{kinds[method.client_streaming]}_{kinds[method.server_streaming]}"
    call: Any = getattr(channel, kind)(path)(sent, timeout=10)
    try:
        await (call.read() if method.server_streaming else call)
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


async def _served(address: str, certificates: Path | None, peer: Identity) -> list[str]:
    """The methods that a caller wasn't refused."""
    served = []
    async with open_channel(address, certificates=certificates, peer=peer) as channel:
        for path, method in METHODS:
            status = await _status_of(channel, path, method)
            if status not in _REFUSED:
                served.append(f"{path} at {address}: {status.name}")
    return served


def _until_started(run: Run) -> None:
    give_up_s = time.monotonic() + 600
    while not (run.run_dir / "addresses.json").is_file():
        assert run.process.poll() is None, run.logs()
        assert time.monotonic() < give_up_s, run.logs()
        time.sleep(0.2)


@pytest.fixture
def open_place() -> Iterator[Path]:
    """A folder that everybody may look into, unlike those of pytest."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        yield Path(place)


def test_a_stranger_gets_nothing_from_any_port_or_file(open_place: Path, tmp_path: Path) -> None:
    """Every rpc at every port, with no certificate and with one of an authority of the stranger's own."""
    run_dir = open_place / "run"
    with train(run_dir, "--teacher", "oracle", "--labels", "20", "--steps", "3000000") as run:
        _until_started(run)
        ports = _ports(run)
        assert len(ports["labeler"]) == 2
        assert json.loads((run_dir / "addresses.json").read_text())["labeler"].endswith(
            f":{ports['labeler'][1]}"
        )
        run_id = json.loads((run_dir / "config.json").read_text())["run_id"]
        write_certificates(tmp_path / "strangers", run_id=run_id, names=[])
        for name, of_service in ports.items():
            for port in of_service:
                for certificates in (None, tmp_path / "strangers" / "owner"):
                    address = f"127.0.0.1:{port}"
                    assert asyncio.run(_served(address, certificates, Identity(name))) == []
        if os.getuid() == 0:
            _check_files(run_dir)


def _check_files(run_dir: Path) -> None:
    """Let another user try to read what would let it in."""
    for path in (*run_dir.glob("certificates/*/tls.key"), run_dir / "tokens.json", run_dir / "labels.sqlite"):
        reading = ["/bin/cat", str(path)]
        done = subprocess.run(reading, user=_NOBODY, capture_output=True, cwd="/", check=False)
        assert (done.returncode, done.stdout) == (1, b""), path
        assert b"Permission denied" in done.stderr
