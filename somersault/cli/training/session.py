"""One life of a run: starts its services, follows them until the policy is learned, and stores the results."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from typing import Any

from somersault.cli.curves import CurveWriter, open_curves
from somersault.cli.exits.ending import Interrupted, error_to_report
from somersault.cli.exits.stop_signals import stop_signals
from somersault.cli.labels.given_labels import import_given
from somersault.cli.monitoring.display import Display
from somersault.cli.monitoring.progress import RunProgress
from somersault.cli.monitoring.warnings import Warnings
from somersault.cli.monitoring.watcher import ProgressWatcher
from somersault.cli.pages.links import open_page
from somersault.cli.results.conclusion import RunEnd
from somersault.cli.run.config import RunConfig
from somersault.cli.run.folder import RunFolder
from somersault.cli.services.connections import ServiceStubs, connect
from somersault.cli.services.processes import names_of_services
from somersault.cli.services.run_services import RunServices
from somersault.cli.training.policy_clips import PolicyClips
from somersault.errors import FailedPreconditionError
from somersault.processes import landlock
from somersault.storage import ObjectStore

__all__ = ["Session"]

_SHOW_EVERY_S = 0.5
_CURVES_EVERY_S = 2.0
_LOOK_EVERY_S = 1.0


class Session:
    """Owns a run's processes and curves from its start or resumption to its end."""

    def __init__(
        self,
        config: RunConfig,
        folder: RunFolder,
        *,
        store: ObjectStore,
        display: Display,
        new_label_budget: int | None = None,
    ) -> None:
        """Take a run whose folder is locked.

        Args:
            config: The run's settings.
            folder: Its folder.
            store: Its object store.
            display: Where to show progress.
            new_label_budget: Labels that the run may use from now on; None if that wasn't changed.
        """
        self._config = config
        self._folder = folder
        self._store = store
        self._display = display
        self._warnings = Warnings(display.say)
        self._new_label_budget = new_label_budget
        self._earlier = folder.read_last_progress()
        self._training_since_s: float | None = None
        self._wall_s_at_end: float | None = None
        self._summary: dict[str, Any] | None = None
        self._services = RunServices(
            config,
            folder,
            names=names_of_services(config),
            num_restarts=int(self._earlier.get("restarts", 0)),
        )

    async def run(self) -> dict[str, Any]:
        """Train to the end, store the summary and return it.

        Raises:
            Interrupted: a signal came before the end, or a standard stream failed; everything is drained.
            SomersaultError: a service can't be kept running or refuses, or the run's folder was moved or deleted;
                everything is drained.
        """
        stopped = asyncio.Event()
        with stop_signals(stopped, kill=self._services.supervisor.kill):
            work = asyncio.create_task(self._work())
            stop = asyncio.create_task(stopped.wait())
            look = asyncio.create_task(self._look_after_folder())
            try:
                await asyncio.wait({work, stop, look}, return_when=asyncio.FIRST_COMPLETED)
                if stop.done() and not work.done() and self._summary is None:
                    what = "" if self._training_since_s is None else "the learner stores a checkpoint; "
                    self._display.say(f"stopping: {what}Ctrl-C again kills at once")
            finally:
                loss = await self._end(work, stop, look)
        is_done = work.done() and not work.cancelled() and work.exception() is None
        if not is_done and self._summary is None:
            self._folder.check_is_in_place()  # whatever else failed, it is why
        if work.done() and not work.cancelled():
            return work.result()
        if self._summary is not None:  # nothing was left but to wait for open pages
            return self._summary
        raise Interrupted(loss=loss)

    async def _look_after_folder(self) -> None:
        """Return when the run's folder has gone, because services that store in it would wait for ever."""
        while True:
            try:
                await asyncio.to_thread(self._folder.check_is_in_place)
            except FailedPreconditionError:
                return
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _end(self, *tasks: asyncio.Task[Any]) -> str:
        """Cancel the tasks, then stop the services; return what could not be stored, "" if everything was."""
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._say_stopped()
        problem = await self._services.supervisor.stop()
        return f"at most the last minute of learning is lost, because {problem}" if problem else ""

    @property
    def wall_s(self) -> float:
        """Seconds of training so far, over all lives of the run."""
        before = float(self._earlier.get("wall_s", 0.0))
        if self._training_since_s is None:
            return before
        end = self._wall_s_at_end if self._wall_s_at_end is not None else time.monotonic()
        return before + end - self._training_since_s

    async def _work(self) -> dict[str, Any]:
        self._display.say(f"run folder: {self._folder.path}")
        await import_given(self._config, self._folder, say=self._display.say)
        if reason := landlock.why_not():
            self._display.say(f"note: learner and reward service could open the run's sealed part: {reason}")
        self._display.say("starting the services")
        await self._services.start(new_label_budget=self._new_label_budget)
        self._training_since_s = time.monotonic()
        self._announce()
        async with connect(
            self._services.by_name,
            token=self._services.service_token,
            certificates=self._services.certificates,
        ) as stubs:
            watcher = ProgressWatcher(
                stubs, config=self._config, earlier_env_steps=int(self._earlier.get("run/env_steps", 0))
            )
            try:
                with open_curves(self._config, self._folder, say=self._display.say) as curves:
                    async with asyncio.TaskGroup() as group:
                        background = [
                            group.create_task(self._services.supervisor.watch()),
                            group.create_task(watcher.run()),
                            group.create_task(self._draw_curves(watcher, curves)),
                            group.create_task(self._show(watcher)),
                        ]
                        summary = await self._train_and_finish(stubs, watcher, curves)
                        for task in background:
                            task.cancel()
            except BaseExceptionGroup as group_error:
                raise error_to_report(group_error) from None
            return summary

    async def _train_and_finish(
        self, stubs: ServiceStubs, watcher: ProgressWatcher, curves: CurveWriter
    ) -> dict[str, Any]:
        clips = self._policy_clips(stubs, curves)
        await self._train(watcher, clips=clips)
        self._wall_s_at_end = time.monotonic()
        await watcher.refresh()
        self._show_learned(watcher.snapshot())
        end = RunEnd(
            config=self._config,
            folder=self._folder,
            store=self._store,
            services=self._services,
            stubs=stubs,
            clips=clips,
            display=self._display,
        )
        self._summary = await end.conclude(watcher.snapshot(), wall_s=self.wall_s)
        curves.conclude(self._summary, video=self._folder.video)
        await end.let_pages_hear()
        return self._summary

    async def _train(self, watcher: ProgressWatcher, *, clips: PolicyClips | None) -> None:
        """Wait until the learner has made its last step."""
        if clips is None:
            await watcher.finished.wait()
            return
        async with asyncio.TaskGroup() as group:
            beginning = group.create_task(self._services.state.report_running())
            filming = group.create_task(clips.follow(watcher))
            await watcher.finished.wait()
            filming.cancel()  # the end has a clip of its own
            await beginning  # what is finished has begun, also in the labeler's eyes

    def _policy_clips(self, stubs: ServiceStubs, curves: CurveWriter) -> PolicyClips | None:
        """Return what films the policy; None in a reference run, which has no labelers."""
        if stubs.labeler is None:
            return None
        return PolicyClips(
            stubs, stubs.labeler, self._store, self._config, self._display.say, curves.add_policy_clip
        )

    async def _say_stopped(self) -> None:
        """Tell labelers that the services stop, if that is before the run's end."""
        if self._config.is_reference or self._summary is not None or self._training_since_s is None:
            return
        error = await self._services.state.report_stopped()
        if error is not None:
            self._display.say(f"the labeler could not be told that the run stops: {error}")

    async def _draw_curves(self, watcher: ProgressWatcher, curves: CurveWriter) -> None:
        """Add a point to each curve every few seconds, and one at the end, whatever the end is."""

        def write() -> None:
            curves.write(
                watcher.snapshot(),
                wall_s=self.wall_s,
                num_restarts=self._services.supervisor.num_restarts,
            )

        try:
            while True:
                await asyncio.sleep(_CURVES_EVERY_S)
                write()
        finally:
            write()

    async def _show(self, watcher: ProgressWatcher) -> None:
        supervisor = self._services.supervisor
        while not (progress := watcher.snapshot()).is_finished:
            self._display.show(progress, note=self._describe(progress), num_restarts=supervisor.num_restarts)
            self._warnings.note(progress, notices=supervisor.read_notices())
            await asyncio.sleep(_SHOW_EVERY_S)

    def _show_learned(self, progress: RunProgress) -> None:
        """Show that all steps are made, without recent returns, because the final policy is measured next."""
        self._warnings.note(progress, notices=self._services.supervisor.read_notices())
        progress = dataclasses.replace(progress, true_return_mean=None, flips_mean=None)
        self._display.show(progress, note=progress.state, num_restarts=self._services.supervisor.num_restarts)

    def _describe(self, progress: RunProgress) -> str:
        """Return what the run is doing or waiting for."""
        state = self._describe_state(progress)
        return f"{state}; nothing to learn from yet" if progress.lessons.why_nothing_yet() else state

    def _describe_state(self, progress: RunProgress) -> str:
        restarting = self._services.supervisor.restarting
        if restarting:
            return f"{progress.state}; restarting {', '.join(restarting)}"
        is_by_people = self._config.is_labelled_by_people
        if progress.state == "waiting for labels" and (is_by_people or progress.is_paused):
            return self._services.announcement.waiting(
                num_awaited=progress.num_awaited, is_paused=progress.is_paused
            )
        return progress.state

    def _announce(self) -> None:
        announcement = self._services.announcement
        is_opened = False
        if self._config.is_labelled_by_people and self._services.web is not None:
            is_opened = open_page(announcement.labeling_page)
        for line in announcement.lines(is_opened=is_opened):
            self._display.say(line)
