"""Answers that a new run gets from other runs: it learns from them at once and asks only for the rest.

They are stored in the run's folder, and their segments in its store, before the run begins, and are imported into its labeler
before its services start. A run that is killed in between imports them on ``--resume``; what the labeler has counts once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from somersault.cli.labels.intake import Intake, prepare
from somersault.cli.labels.labeler_client import send, serving_labeler
from somersault.cli.labels.sources import open_file, open_run
from somersault.cli.run.config import RunConfig
from somersault.cli.run.folder import RunFolder
from somersault.errors import InvalidInputError
from somersault.storage import ObjectStore
from somersault.tasks import Task
from somersault.wire.preference_files import open_writer
from somersault.wire.preference_rows import row_from_message

__all__ = ["import_given", "open_given", "send_given", "store_given"]


@contextlib.contextmanager
def open_given(paths: Sequence[Path], *, run_id: str, task: Task) -> Iterator[Intake]:
    """Open other runs' answers for a run that is about to begin; nothing is written.

    Args:
        paths: Run folders, names of runs in ``runs/``, or bundles.
        run_id: The new run's name.
        task: Its task.

    Raises:
        InvalidInputError: a run has no answers or another task; the text says what differs.
        SomersaultError: a run or a segment can't be read.
    """
    with contextlib.ExitStack() as stack:
        sources = [stack.enter_context(open_run(path)) for path in paths]
        intake = prepare(sources, run_id=run_id, task=task, store=None)
        if paths and not intake.num_labels:
            raise InvalidInputError("number of labels", 0, f"at least 1 in {', '.join(map(str, paths))}")
        yield intake


def store_given(intake: Intake, folder: RunFolder, store: ObjectStore) -> None:
    """Store a new run's given segments, and its answers for `import_given`.

    Raises:
        SomersaultError: the store refuses.
    """
    intake.store_segments(store)
    writer = open_writer("jsonl")
    folder.store_given_labels(
        writer.write([row_from_message(each) for each in intake.messages]) + writer.finish()
    )


async def import_given(
    config: RunConfig, folder: RunFolder, *, say: Callable[[str], None] | None = None
) -> None:
    """Import the given answers through a labeler that is started for this alone, unless that was done before.

    Args:
        config: The run's settings.
        folder: Its folder, locked.
        say: Called with what happens.

    Raises:
        SomersaultError: the labeler refused, or can't be started.
    """
    if not folder.given_labels.is_file():
        return
    if say is not None:
        say(f"importing {config.num_given_labels} given labels")
    async with serving_labeler(config, folder) as address:
        await send_given(config, folder, address)


async def send_given(config: RunConfig, folder: RunFolder, address: str) -> None:
    """Import the given answers through a running labeler, unless that was done before.

    Raises:
        SomersaultError: it refused.
    """
    if not folder.given_labels.is_file():
        return
    with open_file(folder.given_labels) as source:
        messages = [entry.message for entry in source.entries]
    await send(config, folder, address, messages)
    folder.given_labels.unlink()
