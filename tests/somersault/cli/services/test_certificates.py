"""A run's own certificates: who is in them, who can read them, and what they are good for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from somersault.cli.services.certificates import certificates_of, spiffe_name, write_certificates
from somersault.domain.roles import Identity
from somersault.errors import SomersaultError
from somersault.rpc import bind, call, create_server, open_channel
from somersault.rpc.server import serve_health, set_serving
from somersault.rpc.tls.certificates import read_certificates
from somersault.rpc.tls.folder import open_folder
from somersault.rpc.tls.server import mutual_tls

NAMES = [identity.value for identity in Identity if identity is not Identity.OWNER]
RUN_ID = "a.b_c-1"


@pytest.fixture(autouse=True)
def generous_mask() -> Iterator[None]:
    """Anybody may do anything unless the code says otherwise."""
    earlier = os.umask(0)
    yield
    os.umask(earlier)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Certificates of one life."""
    write_certificates(tmp_path / "certificates", run_id=RUN_ID, names=NAMES)
    return tmp_path / "certificates"


def test_each_service_has_its_own(folder: Path) -> None:
    """They are read as the services read them; the longest name of a run fits, too."""
    for name in (*NAMES, "owner"):
        found = read_certificates(certificates_of(folder, name))
        assert found.name == spiffe_name(RUN_ID, name) == f"spiffe://somersault.local/run/{RUN_ID}/sa/{name}"
        assert found.identity == name
        assert found.expiry > datetime.now(UTC) + timedelta(days=3000)
    write_certificates(folder, run_id="a" * 64, names=["web"])
    assert read_certificates(folder / "web").prefix == f"spiffe://somersault.local/run/{'a' * 64}/sa/"


def test_they_are_their_owners_alone_and_the_authoritys_key_is_nowhere(folder: Path) -> None:
    """Folders 0700, files 0600: three in each."""
    paths = [folder, *folder.rglob("*")]
    assert {oct(path.stat().st_mode & 0o777) for path in paths if path.is_dir()} == {"0o700"}
    files = [path for path in paths if path.is_file()]
    assert {oct(path.stat().st_mode & 0o777) for path in files} == {"0o600"}
    assert len(files) == 3 * len(Identity)
    keys = [path for path in files if b"PRIVATE KEY" in path.read_bytes()]
    assert {path.name for path in keys} == {"tls.key"}
    assert len({path.read_bytes() for path in keys}) == len(Identity)


async def _answers(
    server_folder: Path, client_folder: Path | None, *, peer: Identity = Identity.LEARNER
) -> bool:
    """Whether a learner with some certificates takes a call from a caller with others."""
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    tls = mutual_tls(open_folder(server_folder), identity=Identity.LEARNER)
    server = create_server([tls.authorization])
    servicer = serve_health(server, [], has_reflection=False)
    port = bind(server, host="127.0.0.1", port=0, credentials=tls.credentials)
    await server.start()
    await set_serving(servicer, [], is_serving=True)
    try:
        async with open_channel(f"127.0.0.1:{port}", certificates=client_folder, peer=peer) as channel:
            await call(
                health_pb2_grpc.HealthStub(channel).Check, health_pb2.HealthCheckRequest(), timeout_s=5
            )
    except SomersaultError:
        return False
    finally:
        await server.stop(None)
    return True


async def test_a_run_knows_its_own_and_nobody_else(folder: Path, tmp_path: Path) -> None:
    """Neither who shows nothing, nor another run's, nor those that an earlier life made; and no other service in its place."""
    for place in ("other", "next"):
        write_certificates(tmp_path / place, run_id=RUN_ID, names=NAMES)
    assert await _answers(folder / "learner", folder / "owner")
    assert await _answers(tmp_path / "next" / "learner", tmp_path / "next" / "owner")
    assert not await _answers(folder / "learner", None)
    assert not await _answers(folder / "learner", tmp_path / "other" / "owner")
    assert not await _answers(folder / "learner", folder / "owner", peer=Identity.REWARD)
    assert not await _answers(tmp_path / "next" / "learner", folder / "owner")


def test_what_an_earlier_life_left_is_removed(folder: Path) -> None:
    """Also of services that this one doesn't have."""
    write_certificates(folder, run_id=RUN_ID, names=["learner"])
    assert sorted(path.name for path in folder.iterdir()) == ["learner", "owner"]
