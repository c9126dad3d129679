"""What a run begins to tell its labelers."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from services.reward.labeler_client import LabelerClient
from somersault.domain.roles import Role
from somersault.tasks import get_task
from somersault.tasks.guidelines import guidelines_of
from somersault.v1 import labeler_pb2 as pb
from tests.services.labeler.running import RUN_ID, TOKENS, running_labeler


def test_a_run_begins_with_its_tasks_own_words() -> None:
    """Title, then description."""
    task = get_task("hopper-backflip")
    assert guidelines_of(task) == f"## {task.title}\n\n{task.description}\n"


@pytest.mark.parametrize("title", ["Less < more", ""])
def test_nothing_in_them_is_taken_for_html(title: str) -> None:
    """An author of a task need not know where its words are shown."""
    task = dataclasses.replace(get_task("hopper-backflip"), title=title, description="Prefer <b>a < b</b>.")
    text = guidelines_of(task)
    assert "<" not in text
    assert "Prefer &lt;b>a &lt; b&lt;/b>." in text


async def test_a_labeler_takes_them_as_the_first_version_and_keeps_what_an_owner_wrote(
    tmp_path: Path,
) -> None:
    """A reward service that restarts sends them again."""
    task = get_task("hopper-backflip")
    async with running_labeler(tmp_path) as labeler:
        client = LabelerClient(labeler.address, token=TOKENS[Role.SERVICE], run_id=RUN_ID)
        told = {"task": task.name, "question": task.question, "guidelines": guidelines_of(task)}
        owner = labeler.as_role(Role.OWNER)
        await client.create_run(**told)
        first = await owner.GetGuidelines(pb.GetGuidelinesRequest(run_id=RUN_ID))
        await owner.SetGuidelines(pb.SetGuidelinesRequest(run_id=RUN_ID, text="Higher is better."))
        await client.create_run(**told)
        second = await owner.GetGuidelines(pb.GetGuidelinesRequest(run_id=RUN_ID))
        await client.close()
    assert (first.version, first.text.strip()) == (1, guidelines_of(task).strip())
    assert (second.version, second.text) == (2, "Higher is better.")
