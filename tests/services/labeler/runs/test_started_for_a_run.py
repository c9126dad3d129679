"""A labeler that is started for one run compares its database and its store with that run's identity."""

from __future__ import annotations

from pathlib import Path

import pytest

from somersault.domain.roles import Role
from somersault.errors import ConfigError
from somersault.runtime.urls import file_url
from somersault.storage import open_store, read_identity
from somersault.v1 import labeler_pb2 as pb
from tests.services.labeler.running import RUN_ID, running_labeler

MINE, OTHER = "0" * 32, "f" * 32


async def _make_known(folder: Path, identity: str) -> None:
    """Serve a labeler once, for a run of that identity."""
    async with running_labeler(folder, run_id=RUN_ID, run_identity=identity) as labeler:
        request = pb.CreateRunRequest(run_id=RUN_ID, task="pendulum", question="?", identity=identity)
        await labeler.as_role(Role.SERVICE).CreateRun(request)


async def test_the_store_of_a_new_run_is_told_whose_it_is(tmp_path: Path) -> None:
    """So that the other services of a deployment find it; from then on it must be there."""
    await _make_known(tmp_path, MINE)
    store = open_store(file_url(tmp_path / "objects"))
    said = read_identity(store, RUN_ID)
    assert said is not None
    assert said.identity == MINE
    await _make_known(tmp_path, MINE)
    store.delete(f"{RUN_ID}/identity.json")
    with pytest.raises(ConfigError, match="storage_url: no object"):
        await _make_known(tmp_path, MINE)


async def test_another_runs_database_is_refused(tmp_path: Path) -> None:
    """Naming the database, not the store."""
    await _make_known(tmp_path, MINE)
    with pytest.raises(ConfigError, match=f"database_url: .* of identity {MINE}, not {OTHER}"):
        await _make_known(tmp_path, OTHER)


async def test_a_store_in_which_strays_lie_is_not_taken(tmp_path: Path) -> None:
    """They are another run's, whatever the database knows."""
    open_store(file_url(tmp_path / "objects")).put(f"{RUN_ID}/policies/00000001.safetensors", b"x")
    with pytest.raises(ConfigError, match="storage_url: no object"):
        await _make_known(tmp_path, MINE)
