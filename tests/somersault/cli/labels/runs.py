"""Runs on files with answers in them, whose labeler is in this process."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from somersault.cli.pages.addresses import Addresses
from somersault.cli.run.config import RunConfig
from somersault.cli.run.folder import RunFolder
from somersault.domain.roles import Role
from somersault.runtime.urls import sqlite_url
from somersault.storage import ObjectStore, open_store
from somersault.tasks import get_task
from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import trajectory_pb2
from tests.services.labeler.judging import RIGHT
from tests.services.labeler.running import RunningLabeler, running_labeler, write_tokens
from tests.somersault.cli.conftest import make_config

TASK = "pendulum"
NAMES = ("a", "b", "c")


def segment_object(segment_id: str, *, task: str = TASK, seed: int = 0, **changes: Any) -> bytes:
    """Return a segment's object as a simulator stores it, without what draws it again."""
    spec = get_task(task).spec
    rng = np.random.default_rng(seed)
    num_steps = changes.pop("num_steps", spec.segment_steps)
    arrays = {
        "observations": rng.normal(size=(num_steps, *spec.frame_shape)).astype(np.float32),
        "actions": rng.uniform(-1, 1, (num_steps, *spec.action_shape)).astype(np.float32),
    }
    metadata = {
        "format": "somersault.segment/1",
        "task": task,
        "segment_id": segment_id,
        "step_s": spec.step_s,
    }
    texts = {name: json.dumps(value) for name, value in (metadata | changes).items()}
    return safetensors.numpy.save(arrays, metadata=texts)


def begin_run(path: Path, **changes: Any) -> RunConfig:
    """Make the folder of a run; the tokens are those that tests know."""
    with RunFolder(path) as folder:
        config = make_config(folder, task=TASK, **changes)
        folder.begin(config)
    write_tokens(path)
    return config


def store_of(path: Path) -> ObjectStore:
    """Return the store of a run."""
    return open_store(RunFolder(path).read_config().storage_url)


@contextlib.asynccontextmanager
async def labeler_of(path: Path) -> AsyncIterator[RunningLabeler]:
    """Serve the labeler of a run."""
    config = RunFolder(path).read_config()
    settings = {"database_url": sqlite_url(path / "labels.sqlite"), "storage_url": config.storage_url}
    async with running_labeler(path, token_path=path / "tokens.json", **settings) as labeler:
        await labeler.create_run(config.run_id)
        yield labeler


async def fill(path: Path, *names: str) -> None:
    """Put answers into a run: of each name left, the first one then revised, and a weight that was changed."""
    run_id = RunFolder(path).run_id
    store = store_of(path)
    async with labeler_of(path) as labeler:
        proposals = [_proposal(run_id, name) for name in names or NAMES]
        for number, name in enumerate(names or NAMES):
            for side in ("first", "second"):
                segment = segment_object(f"{name}-{side}", seed=2 * number + (side == "second"))
                store.put(f"{run_id}/segments/{name}-{side}.safetensors", segment)
        request = pb.ProposeQueriesRequest(run_id=run_id, proposals=proposals)
        await labeler.as_role(Role.SERVICE).ProposeQueries(request)
        teacher = labeler.as_role(Role.TEACHER)
        for name in names or NAMES:
            await answer_in(teacher, run_id, f"answer-{name}")
        first = f"answer-{(names or NAMES)[0]}"
        await teacher.RevisePreference(
            pb.RevisePreferenceRequest(answer_id=first, version=2, preference=RIGHT)
        )
        weight = pb.SetLabelerWeightRequest(
            run_id=run_id, labeler_id="teacher", weight=0.5, reason='é\n"why"'
        )
        await labeler.as_role(Role.OWNER).SetLabelerWeight(weight)


async def answer_in(stub: Any, run_id: str, answer_id: str) -> None:
    """Answer a run's oldest query."""
    (lease,) = (await stub.LeaseQueries(pb.LeaseQueriesRequest(run_id=run_id, count=1))).leases
    await stub.SubmitPreference(
        pb.SubmitPreferenceRequest(lease_token=lease.lease_token, answer_id=answer_id, preference=1)
    )


@contextlib.contextmanager
def working(path: Path, labeler: RunningLabeler) -> Iterator[None]:
    """Hold a run as the command does that trains it, reached where its labeler is."""
    with RunFolder(path) as folder:
        folder.resume()
        Addresses(labeler=labeler.address, web="").store(folder.addresses)
        yield


def _proposal(run_id: str, name: str) -> pb.Proposal:
    first, second = (
        trajectory_pb2.StoredSegment(
            segment_id=f"{name}-{side}",
            segment_uri=f"{run_id}/segments/{name}-{side}.safetensors",
            sealed_uri=f"{run_id}/sealed/{name}-{side}.safetensors",
            duration_s=1.5,
        )
        for side in ("first", "second")
    )
    return pb.Proposal(proposal_id=name, first=first, second=second)


__all__ = [
    "NAMES",
    "TASK",
    "answer_in",
    "begin_run",
    "fill",
    "labeler_of",
    "segment_object",
    "store_of",
    "working",
]
