"""``somersault import RUN FILE``: imports answers through the run's labeler, whether the run is running or not."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from somersault.cli.labels.given_labels import send_given
from somersault.cli.labels.intake import Intake, prepare
from somersault.cli.labels.labeler_client import send, served_address, serving_labeler
from somersault.cli.labels.sources import open_file
from somersault.cli.run.config import RunConfig
from somersault.cli.run.folder import RunFolder
from somersault.cli.run.store import open_run_store
from somersault.errors import ConfigError
from somersault.runs import load_run
from somersault.runs.preference_log import read_log_rows
from somersault.tasks import get_task
from somersault.v1 import preference_pb2
from somersault.wire.preference_rows import LogMessage

__all__ = ["import_labels"]


def import_labels(path: Path, file: Path, *, file_format: str | None, is_dry: bool) -> dict[str, Any]:
    """Import a file's answers into a run. Rows that the run already has, or that repeat, count once.

    Args:
        path: The run's folder.
        file: A file of rows, a bundle, or ``-`` for standard input.
        file_format: ``jsonl``, ``csv`` or ``parquet``; None goes by the file's suffix.
        is_dry: Whether to check everything and change nothing.

    Returns:
        ``rows`` of the file, how many are ``new`` and ``known`` (a repeated row too), and the ``segments`` that the run's store lacked.

    Raises:
        SomersaultError: a row or a segment can't be imported; then nothing of the file is in the run.
    """
    with RunFolder(path, command="import") as folder, open_file(file, file_format=file_format) as source:
        config = folder.read_config()
        if config.is_reference:
            raise ConfigError(f"{folder.path} is a run on the true reward: it learns from no answers")
        store = open_run_store(config)
        intake = prepare([source], run_id=config.run_id, task=get_task(config.task), store=store)
        done = {"run_id": config.run_id, "rows": intake.num_rows, "segments": len(intake.segments)}
        num_repeated = intake.num_rows - len(intake.messages)
        if is_dry:
            num_known = _count_known(folder, intake)
            return done | {"new": len(intake.messages) - num_known, "known": num_known + num_repeated}
        intake.store_segments(store)
        num_new, num_known = asyncio.run(_send(config, folder, intake.messages))
        return done | {"new": num_new, "known": num_known + num_repeated}


def _count_known(folder: RunFolder, intake: Intake) -> int:
    known = {
        (row["answer_id"] or row["change_id"], row["version"] or 0)
        for row in read_log_rows(load_run(folder.path))
    }
    names = [
        (message.change_id, 0)
        if isinstance(message, preference_pb2.WeightChange)
        else (message.answer_id, message.version)
        for message in intake.messages
    ]
    return sum(name in known for name in names)


async def _send(config: RunConfig, folder: RunFolder, messages: Sequence[LogMessage]) -> tuple[int, int]:
    user = folder.user()
    if user is None:
        folder.resume()
        async with serving_labeler(config, folder) as address:
            await send_given(config, folder, address)
            return await send(config, folder, address, messages)
    return await send(config, folder, served_address(folder, user=user), messages)
