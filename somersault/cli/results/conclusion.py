"""The end of a run: the final policy is measured and filmed, results are stored, and labelers are told."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from somersault.cli.monitoring.display import Display
from somersault.cli.monitoring.progress import RunProgress
from somersault.cli.pages.grace import GRACE_S, has_open_pages, wait_for_pages
from somersault.cli.results.evaluation import Evaluation, draw_best_episode, evaluate_policy
from somersault.cli.results.summary import result_of, summarise
from somersault.cli.run.config import RunConfig
from somersault.cli.run.folder import RunFolder
from somersault.cli.services.connections import ServiceStubs
from somersault.cli.services.run_services import RunServices
from somersault.cli.training.policy_clips import PolicyClips
from somersault.errors import SomersaultError, UnavailableError
from somersault.storage import ObjectStore
from somersault.tasks import get_task

__all__ = ["RunEnd"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnd:
    """Brings a run to its end."""

    config: RunConfig
    folder: RunFolder
    store: ObjectStore
    services: RunServices
    stubs: ServiceStubs
    clips: PolicyClips | None
    """Films the policy; None in a reference run, which has no labelers."""
    display: Display

    async def conclude(self, progress: RunProgress, *, wall_s: float) -> dict[str, Any]:
        """Measure and film the final policy, mark the run as finished, store the summary and return it.

        Raises:
            UnavailableError: the policy is learned, but some of this failed.
        """
        self.display.say("trained; measuring the final policy and rendering its best episode")
        evaluation = await evaluate_policy(self.stubs, self.config)
        supervisor = self.services.supervisor
        summary = summarise(
            self.config, progress, evaluation, wall_s=wall_s, num_restarts=supervisor.num_restarts
        )
        summary |= {
            "labeler_address": self.services.addresses.labeler,
            "web_url": self.services.addresses.web,
            "run_dir": str(self.folder.path),
            "open": None if self.config.is_reference else self.folder.open_command,
            "video": None,
        }
        self.folder.store_summary(summary)
        try:
            await self._show(evaluation, summary)
        except SomersaultError as error:
            raise UnavailableError(
                f"the policy is learned (results: {self.folder.summary}), but making its video or reporting the end"
                f" failed: {error}; --resume tries again"
            ) from error
        summary |= {"restarts": supervisor.num_restarts, "video": str(self.folder.video)}
        self.folder.store_summary(summary)
        return summary

    async def let_pages_hear(self) -> None:
        """Keep serving the pages for a moment so that open ones can send their last answers and fetch the video."""
        web, token = self.services.web, self.services.owner_token
        if web is not None and await has_open_pages(web, token=token):
            self.display.say(f"letting open pages finish, which takes {GRACE_S:.0f} s at most")
            await wait_for_pages(web, token=token)

    async def _show(self, evaluation: Evaluation, summary: dict[str, Any]) -> None:
        video = await draw_best_episode(self.stubs, self.store, config=self.config, evaluation=evaluation)
        await asyncio.to_thread(self.folder.video.write_bytes, video)
        if self.clips is not None:
            await self.clips.film_final(env_steps=summary["env_steps"])
            await self.services.state.report_finished(result_of(summary, task=get_task(self.config.task)))
