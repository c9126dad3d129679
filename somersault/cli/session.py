"""One life of a run: starts its services, follows them until the policy is learned, keeps what was learned."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

from somersault.cli import finish
from somersault.cli.curves import CurveWriter, open_curves
from somersault.cli.display import Display
from somersault.cli.page import labeling_url, open_page, run_url
from somersault.cli.peers import Peers, connect
from somersault.cli.ports import LOOPBACK, choose_ports
from somersault.cli.processes import names_of_services, plan_processes
from somersault.cli.progress import ProgressWatcher, RunProgress
from somersault.cli.run_folder import RunConfig, RunFolder
from somersault.cli.supervisor import Supervisor
from somersault.errors import SomersaultError, UnavailableError
from somersault.storage import ObjectStore
from somersault.types import Role

__all__ = ["Interrupted", "Session"]

_SHOW_EVERY_S = 0.5
_CURVES_EVERY_S = 2.0

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(Exception):  # noqa: N818 - not an error: somebody asked for it
    """Somebody stopped the run; what was learned is stored."""


class Session:
    """Owns the processes and the curves of a run from its start, or its resumption, to its end."""

    def __init__(self, config: RunConfig, folder: RunFolder, *, store: ObjectStore, display: Display) -> None:
        """Takes a run whose folder is locked, its object store, and where to show progress."""
        self._config = config
        self._folder = folder
        self._store = store
        self._display = display
        earlier = folder.read_last_progress()
        self._wall_s_before = float(earlier.get("wall_s", 0.0))
        self._training_since_s: float | None = None
        self._wall_s_at_end: float | None = None
        names = names_of_services(config)
        self._ports = dict(zip(names, choose_ports(len(names)), strict=True))
        if "web" in self._ports:
            self._ports["web"] = config.web_port
        self._supervisor = Supervisor(
            plan_processes(config, folder, ports=self._ports),
            logs=folder.logs,
            num_restarts=int(earlier.get("restarts", 0)),
        )

    async def run(self) -> dict[str, Any]:
        """Trains to the end and gives the summary, which is stored then.

        Raises:
            Interrupted: SIGINT, SIGTERM or SIGHUP came; everything is drained.
            SomersaultError: a service can't be kept running, or refuses; everything is drained.
        """
        stopped = asyncio.Event()
        with _stop_signals(stopped, kill=self._supervisor.kill):
            work = asyncio.create_task(self._work())
            stop = asyncio.create_task(stopped.wait())
            try:
                await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
                if work.done():
                    return work.result()
                self._display.say("stopping: the learner stores a checkpoint; Ctrl-C again kills at once")
                raise Interrupted
            finally:
                for task in (stop, work):
                    task.cancel()
                await asyncio.gather(stop, work, return_exceptions=True)
                await self._supervisor.stop()

    @property
    def wall_s(self) -> float:
        """Seconds of training so far, over all lives of the run."""
        if self._training_since_s is None:
            return self._wall_s_before
        end = self._wall_s_at_end if self._wall_s_at_end is not None else time.monotonic()
        return self._wall_s_before + end - self._training_since_s

    async def _work(self) -> dict[str, Any]:
        self._display.say(f"run folder: {self._folder.path}")
        await self._supervisor.start()
        self._training_since_s = time.monotonic()
        self._announce_pages()
        addresses = {name: f"{LOOPBACK}:{port}" for name, port in self._ports.items()}
        token = self._folder.read_tokens()[Role.OWNER]
        async with connect(addresses, token=token) as peers:
            watcher = ProgressWatcher(
                peers,
                run_id=self._config.run_id,
                total_env_steps=self._config.total_env_steps,
                label_budget=self._config.label_budget,
            )
            try:
                with open_curves(self._config, self._folder, say=self._display.say) as curves:
                    async with asyncio.TaskGroup() as group:
                        background = [
                            group.create_task(self._supervisor.watch()),
                            group.create_task(watcher.run()),
                            group.create_task(self._draw_curves(watcher, curves)),
                            group.create_task(self._show(watcher)),
                        ]
                        summary = await self._train_and_finish(peers, watcher)
                        curves.conclude(summary, video=self._folder.video)
                        for task in background:
                            task.cancel()
            except BaseExceptionGroup as group_error:
                raise _first_of(group_error) from None
            return summary

    async def _train_and_finish(self, peers: Peers, watcher: ProgressWatcher) -> dict[str, Any]:
        await watcher.finished.wait()
        self._wall_s_at_end = time.monotonic()
        await watcher.refresh()
        self._display.say("trained; measuring the final policy and drawing its best episode")
        evaluation = await finish.evaluate_policy(peers, self._config)
        summary = finish.summarise(
            self._config,
            watcher.snapshot(),
            evaluation,
            wall_s=self.wall_s,
            num_restarts=self._supervisor.num_restarts,
        )
        summary |= {"run_dir": str(self._folder.path), "video": None}
        self._folder.store_summary(summary)
        try:
            video = await finish.draw_best_episode(
                peers, self._store, config=self._config, evaluation=evaluation
            )
        except SomersaultError as error:
            raise UnavailableError(
                f"the policy is learned ({self._folder.summary} says how well), but its video could not be made:"
                f" {error}; --resume tries again"
            ) from error
        await asyncio.to_thread(self._folder.video.write_bytes, video)
        summary |= {"restarts": self._supervisor.num_restarts, "video": str(self._folder.video)}
        self._folder.store_summary(summary)
        return summary

    async def _draw_curves(self, watcher: ProgressWatcher, curves: CurveWriter) -> None:
        """Add a point to each curve every few seconds, and one at the end, however it comes."""

        def write() -> None:
            curves.write(
                watcher.snapshot(),
                wall_s=self.wall_s,
                num_restarts=self._supervisor.num_restarts,
            )

        try:
            while True:
                await asyncio.sleep(_CURVES_EVERY_S)
                write()
        finally:
            write()

    async def _show(self, watcher: ProgressWatcher) -> None:
        while True:
            progress = watcher.snapshot()
            self._display.show(
                progress, note=self._describe(progress), num_restarts=self._supervisor.num_restarts
            )
            await asyncio.sleep(_SHOW_EVERY_S)

    def _describe(self, progress: RunProgress) -> str:
        """Says what the run is doing or waiting for."""
        restarting = self._supervisor.restarting
        if restarting:
            return f"{progress.state}; restarting {', '.join(restarting)}"
        if self._config.is_labelled_by_people and progress.state == "waiting for labels":
            # Without the token, which was said once at the start: this line comes again and again, into logs too.
            name = "web" if "web" in self._ports else "labeler"
            return f"waiting for your answers at http://{LOOPBACK}:{self._ports[name]}/"
        return progress.state

    def _announce_pages(self) -> None:
        if "web" not in self._ports:
            return
        tokens, port = self._folder.read_tokens(), self._ports["web"]
        self._display.say(f"run page: {run_url(port, token=tokens[Role.OWNER])}")
        labeling = labeling_url(port, token=tokens[Role.LABELER])
        self._display.say(f"labeling page: {labeling}")
        if self._config.is_labelled_by_people:
            open_page(labeling)


def _first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Gives the error to report: the domain's own if there is one, for it has the clear line."""
    errors = list(_leaves(group))
    return next((error for error in errors if isinstance(error, SomersaultError)), errors[0])


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


@contextlib.contextmanager
def _stop_signals(stopped: asyncio.Event, *, kill: Callable[[], None]) -> Iterator[None]:
    """Sets ``stopped`` at the first signal and calls ``kill`` at each further one."""
    loop = asyncio.get_running_loop()

    def handle() -> None:
        if stopped.is_set():
            kill()
        stopped.set()

    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, handle)
    try:
        yield
    finally:
        for number in _STOP_SIGNALS:
            loop.remove_signal_handler(number)
