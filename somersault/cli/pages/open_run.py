"""``somersault open``: serves the pages of a run that isn't being trained."""

from __future__ import annotations

import asyncio
import dataclasses
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from somersault.cli.exits.stop_signals import stop_signals
from somersault.cli.invocation import own_command
from somersault.cli.monitoring.display import print_line
from somersault.cli.pages.access import NOT_SHARED, ShareOptions, settings_of_sharing
from somersault.cli.pages.addresses import read_addresses
from somersault.cli.pages.announcement import Announcement
from somersault.cli.pages.links import open_page
from somersault.cli.results.reached_end import summary_of_end
from somersault.cli.results.summary import result_of
from somersault.cli.run.config import RunConfig
from somersault.cli.run.folder import RunFolder
from somersault.cli.run.ownership import check_ownership
from somersault.cli.run.store import open_run_store
from somersault.cli.services.processes import names_of_pages
from somersault.cli.services.run_services import RunServices
from somersault.cli.start.train_options import check_web_port, free_web_port
from somersault.errors import ConfigError, NotFoundError, UnavailableError
from somersault.formats.strict_json import dump_json
from somersault.tasks import get_task
from somersault.v1 import labeler_pb2

__all__ = ["OpenOptions", "open_run"]

_STATES = {
    labeler_pb2.RUN_STATE_RUNNING: "running",
    labeler_pb2.RUN_STATE_PAUSED: "paused",
    labeler_pb2.RUN_STATE_STOPPED: "stopped",
    labeler_pb2.RUN_STATE_FINISHED: "finished",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOptions:
    """Command-line options; None if not given."""

    path: Path
    web_port: int | None = None
    sharing: ShareOptions = NOT_SHARED
    is_json: bool = False


def open_run(options: OpenOptions) -> int:
    """Serve the pages until Ctrl-C and return the exit code.

    Raises:
        SomersaultError: there is no such run, it has no pages, or they can't be served.
    """
    check_web_port(options.web_port, host=options.sharing.host)
    settings = settings_of_sharing(options.sharing)
    with RunFolder(options.path, command="open") as folder:
        config = folder.read_config()
        _check_is_taught(config, folder)
        console = Console(stderr=options.is_json)
        user = folder.user()
        if user is not None:
            return _tell_of_user(config, folder, user=user, console=console, is_json=options.is_json)
        config = dataclasses.replace(
            folder.resume(), web_port=options.web_port or free_web_port(config.web_port), **settings
        )
        check_ownership(config, folder, store=open_run_store(config), is_trained=False)
        _check_was_asked(folder)
        asyncio.run(_serve(config, folder, console=console, is_json=options.is_json))
    return 0


def _check_is_taught(config: RunConfig, folder: RunFolder) -> None:
    if config.is_reference:
        raise ConfigError(
            f"{folder.path} is a run on the true reward: nobody answered in it, so it has no pages;"
            " its curves are in tensorboard/ and progress.jsonl"
        )


def _check_was_asked(folder: RunFolder) -> None:
    if not folder.database.is_file():
        raise NotFoundError(
            f"{folder.path} was stopped before anything was asked, so there is nothing to show"
        )


def _tell_of_user(config: RunConfig, folder: RunFolder, *, user: str, console: Console, is_json: bool) -> int:
    """Print which command is using the run and where its pages already are.

    Raises:
        UnavailableError: they aren't up yet.
    """
    if not folder.addresses.is_file():
        raise UnavailableError(f"somersault {user} is starting {folder.path}; try again in a few seconds")
    announcement = Announcement(config, folder, read_addresses(folder.addresses))
    print_line(console, f"somersault {user} is using {folder.path}; its pages are already served:")
    for line in announcement.lines(is_opened=True):
        print_line(console, line)
    _print_json({"run_id": config.run_id, "used_by": user, **announcement.values()}, is_json=is_json)
    return 0


async def _serve(config: RunConfig, folder: RunFolder, *, console: Console, is_json: bool) -> None:
    """Serve until a signal comes.

    Raises:
        SomersaultError: a service can't be kept running; both are drained.
    """
    services = RunServices(config, folder, names=names_of_pages())
    stopped = asyncio.Event()
    with stop_signals(stopped, kill=services.supervisor.kill):
        work = asyncio.create_task(_show(config, folder, services, console=console, is_json=is_json))
        stop = asyncio.create_task(stopped.wait())
        try:
            await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
        finally:
            for task in (stop, work):
                task.cancel()
            await asyncio.gather(stop, work, return_exceptions=True)
            await services.supervisor.stop()


async def _show(
    config: RunConfig, folder: RunFolder, services: RunServices, *, console: Console, is_json: bool
) -> None:
    """Start the pages, print their addresses, and watch over them."""
    await services.start()
    stats = await _settled(config, folder, services)
    announcement = services.announcement
    state = _STATES.get(stats.run_state, "unknown")
    print_line(console, f"run folder: {folder.path}, {state}")
    open_page(announcement.run_page)
    for line in announcement.lines(is_opened=True):
        print_line(console, line)
    for line in _notes(config, folder, stats):
        print_line(console, line)
    print_line(console, "Ctrl-C ends it")
    _print_json({"run_id": config.run_id, "state": state, **announcement.values()}, is_json=is_json)
    await services.supervisor.watch()


async def _settled(
    config: RunConfig, folder: RunFolder, services: RunServices
) -> labeler_pb2.GetStatsResponse:
    """Return the run's statistics, after telling the labeler that it isn't being trained."""
    stats = await services.state.read_stats()
    if stats.run_state == labeler_pb2.RUN_STATE_FINISHED:
        return stats
    summary = summary_of_end(config, folder)
    if summary is None:
        await services.state.report_stopped()  # it was killed, and had no time to say so
    else:  # it ended before labelers were told of ends
        await services.state.report_finished(result_of(summary, task=get_task(config.task)))
    return await services.state.read_stats()


def _notes(config: RunConfig, folder: RunFolder, stats: labeler_pb2.GetStatsResponse) -> list[str]:
    """Return notes about what doesn't work without the other services."""
    if stats.run_state == labeler_pb2.RUN_STATE_FINISHED:
        return []
    resume = (
        f"{own_command()} train {shlex.quote(config.task)} --run-dir {shlex.quote(str(folder.path))} --resume"
    )
    notes = [f"answers given now are learned from when the run is resumed: {resume}"]
    if stats.num_rendering:
        notes.append(
            f"{stats.num_rendering} pairs have no clips yet: no simulator runs, they are rendered when the run goes on"
        )
    return notes


def _print_json(values: Mapping[str, Any], *, is_json: bool) -> None:
    if is_json:
        sys.stdout.write(dump_json(values) + "\n")
        sys.stdout.flush()
