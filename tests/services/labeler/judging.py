"""What the tests of overlap, gold, weights and exports share."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from somersault.domain.roles import Role
from somersault.runtime.urls import file_url
from somersault.storage import open_store
from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import preference_pb2
from tests.services.labeler.running import (
    RUN_ID,
    RunningLabeler,
    SimulatorDouble,
    lease,
    running_labeler,
    serving_simulator,
    submit,
    until,
)

LEFT, RIGHT = preference_pb2.PREFERENCE_LEFT, preference_pb2.PREFERENCE_RIGHT


async def update_run(labeler: RunningLabeler, **settings: Any) -> pb.Run:
    """Change the run's settings."""
    request = pb.UpdateRunRequest(run_id=RUN_ID, **settings)
    return (await labeler.as_role(Role.OWNER).UpdateRun(request)).run


async def answer(stub: Any, answer_id: str, preference: int = LEFT) -> preference_pb2.PreferenceRecord:
    """Leases the oldest query and answers it."""
    (held,) = await lease(stub)
    return await submit(stub, held.lease_token, answer_id, preference)


async def answer_first_segment(stub: Any, answer_id: str, **changed: Any) -> tuple[Any, Any]:
    """Leases a query and prefers the segment whose name ends in first, whichever side it is on."""
    (held,) = await lease(stub, **changed)
    is_left = held.query.left.segment_id.endswith("first")
    return held, await submit(stub, held.lease_token, answer_id, LEFT if is_left else RIGHT)


async def complete_log(labeler: RunningLabeler) -> tuple[list[Any], list[Any]]:
    """Return every row of the log and every weight change."""
    request = pb.ExportPreferencesRequest(run_id=RUN_ID, is_complete=True)
    responses = [one async for one in labeler.as_role(Role.OWNER).ExportPreferences(request)]
    return (
        [row for one in responses for row in one.records],
        [row for one in responses for row in one.weight_changes],
    )


@contextlib.asynccontextmanager
async def labeler_with_clips(folder: Path, *names: str, **settings: Any) -> AsyncIterator[RunningLabeler]:
    """Serve a labeler with a run so set whose queries all have clips, so that people may answer them."""
    double = SimulatorDouble(open_store(file_url(folder / "objects")))
    async with (
        serving_simulator(double) as address,
        running_labeler(folder, simulator_addresses=address) as labeler,
    ):
        await labeler.create_run()
        await update_run(labeler, **settings)
        await labeler.propose(*names, wants_clips=True)

        async def are_ready() -> bool:
            return (await labeler.stats()).num_ready == len(names)

        await until(are_ready)
        yield labeler
