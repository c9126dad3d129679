"""The tokens of a run's own file: good for that run alone, whatever else the database holds."""

from __future__ import annotations

import json
from pathlib import Path

import sqlalchemy as sa

from services.labeler.database import migrate
from somersault.domain.roles import Role
from somersault.errors import NotFoundError, PermissionDeniedError
from somersault.runtime.urls import sqlite_url
from somersault.v1 import labeler_pb2 as pb
from tests.services.labeler.running import RUN_ID, TOKENS, refused, running_labeler


async def test_a_runs_own_tokens_are_good_for_it_alone(tmp_path: Path) -> None:
    """Before the run is created too: its service creates it, and no other."""
    async with running_labeler(tmp_path, run_id=RUN_ID) as labeler:
        await labeler.create_run()
        await labeler.propose("a")
        service, owner = labeler.as_role(Role.SERVICE), labeler.as_role(Role.OWNER)
        create = pb.CreateRunRequest(run_id="run-2", task="hopper-backflip")
        for stub in (service, owner):
            assert isinstance(await refused(stub.CreateRun(create)), PermissionDeniedError)
            stats = stub.GetStats(pb.GetStatsRequest(run_id="run-2"))
            assert isinstance(await refused(stats), NotFoundError)


async def test_two_runs_in_one_database_have_their_own_labelers(tmp_path: Path) -> None:
    """The second run's tokens neither replace the first's nor are good for its run."""
    async with running_labeler(tmp_path, run_id=RUN_ID) as labeler:
        await labeler.create_run()
    second = tmp_path / "second.json"
    second.touch(mode=0o600)
    second.write_text(json.dumps({role.value: f"second-{TOKENS[role]}" for role in Role}))
    async with running_labeler(tmp_path, run_id="run-2", token_path=second) as labeler:
        service = labeler.as_token(f"second-{TOKENS[Role.SERVICE]}")
        await service.CreateRun(pb.CreateRunRequest(run_id="run-2", task="hopper-backflip"))
        runs = {
            prefix: [
                run.run_id
                for run in (
                    await labeler.as_token(prefix + TOKENS[Role.OWNER]).ListRuns(pb.ListRunsRequest())
                ).runs
            ]
            for prefix in ("", "second-")
        }
    assert runs == {"": [RUN_ID], "second-": ["run-2"]}


async def test_an_older_databases_labelers_are_members_of_its_runs(tmp_path: Path) -> None:
    """Everybody reaches what it reached, with the token that it had; the run's own tokens are then good for it alone."""
    engine = sa.create_engine(sqlite_url(tmp_path / "labels.sqlite"))
    async with running_labeler(tmp_path) as labeler:
        for run_id in (RUN_ID, "run-2"):
            await labeler.create_run(run_id)
    migrate.to_version(engine, "0010")
    engine.dispose()
    async with running_labeler(tmp_path, token_path=None) as labeler:
        for role in (Role.LABELER, Role.TEACHER, Role.SERVICE, Role.OWNER):
            for run_id in (RUN_ID, "run-2"):
                await labeler.as_role(role).GetStats(pb.GetStatsRequest(run_id=run_id))
    async with running_labeler(tmp_path, run_id=RUN_ID) as labeler:
        for run_id in (RUN_ID, "run-2"):  # two runs shared these tokens, and still do
            await labeler.as_role(Role.TEACHER).GetStats(pb.GetStatsRequest(run_id=run_id))
