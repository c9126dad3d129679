"""Follows a run's progress through its services, any of which may be away."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from somersault.cli.monitoring.progress import RunProgress
from somersault.cli.monitoring.rate_window import RateWindow
from somersault.cli.run.config import RunConfig
from somersault.cli.services.connections import ServiceStubs
from somersault.errors import SomersaultError
from somersault.rpc import Backoff, call, translated_errors
from somersault.v1 import labeler_pb2, learner_pb2, reward_pb2, simulator_pb2

__all__ = ["ProgressWatcher"]

_POLL_S = 1.0
_POLL_TIMEOUT_S = 5.0

_STEPS_WINDOW_S = 30.0
_LEAST_STEPS_S = 2.0
_ANSWERS_WINDOW_S = 300.0
_LEAST_ANSWERS_S = 20.0
_LEAST_ANSWERS = 5  # of fewer the time that is left would be a guess

_BEFORE_RESTORING = (
    learner_pb2.LEARNER_STATE_UNSPECIFIED,
    learner_pb2.LEARNER_STATE_WAITING_FOR_SIMULATORS,
)

_STATES = {
    learner_pb2.LEARNER_STATE_UNSPECIFIED: "starting",
    learner_pb2.LEARNER_STATE_WAITING_FOR_SIMULATORS: "waiting for simulators",
    learner_pb2.LEARNER_STATE_WAITING_FOR_REWARD: "waiting for labels",
    learner_pb2.LEARNER_STATE_LEARNING: "learning",
    learner_pb2.LEARNER_STATE_PAUSED: "paused",
    learner_pb2.LEARNER_STATE_FINISHED: "finished",
}


class ProgressWatcher:
    """Keeps each service's newest report. Used from one event loop."""

    def __init__(self, stubs: ServiceStubs, *, config: RunConfig, earlier_env_steps: int = 0) -> None:
        """Take the services to ask, the run's settings and the step that its earlier lives reached."""
        self._stubs = stubs
        self._config = config
        self._earlier_env_steps = earlier_env_steps
        self._steps = RateWindow(window_s=_STEPS_WINDOW_S, least_s=_LEAST_STEPS_S)
        self._answers = RateWindow(
            window_s=_ANSWERS_WINDOW_S, least_s=_LEAST_ANSWERS_S, least_count=_LEAST_ANSWERS
        )
        self._learner = learner_pb2.Progress()
        self._reward = reward_pb2.RewardStatus(preference_accuracy=math.nan)
        self._labels = labeler_pb2.GetStatsResponse()
        self._has_labels = stubs.labeler is None  # who has no labeler has none, and knows it
        self._episodes = simulator_pb2.GetEpisodeStatisticsResponse()
        self.finished = asyncio.Event()
        """Set once the learner has made all its steps."""

    async def run(self) -> None:
        """Follow every service until cancelled, whether they are up or not.

        Raises:
            SomersaultError: a service refuses permanently.
        """
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow_learner())
            group.create_task(self._time_learner())
            for poll in self._polls():
                group.create_task(_repeat(poll))

    async def refresh(self) -> None:
        """Poll each service once, at the end of a run."""
        await asyncio.gather(*(_attempt(poll) for poll in self._polls()))

    def snapshot(self) -> RunProgress:
        """Return what is known now."""
        learner, reward, episodes = self._learner, self._reward, self._episodes
        has_episodes, has_improved = episodes.num_episodes > 0, learner.env_steps > 0
        is_people = self._config.is_labelled_by_people
        return RunProgress(
            state=_STATES.get(learner.state, "unknown"),
            is_finished=learner.state == learner_pb2.LEARNER_STATE_FINISHED,
            has_learner=not self._is_restoring,
            env_steps=self._earlier_env_steps if self._is_restoring else learner.env_steps,
            total_env_steps=learner.total_env_steps or self._config.total_env_steps,
            env_steps_per_s=self._steps.rate or 0.0,
            policy_version=learner.policy_version,
            reward_version=max(reward.reward_version, learner.reward_version),
            num_labels=self._labels.num_answered,
            has_labels=self._has_labels,
            label_budget=reward.label_budget or self._config.label_budget,
            num_labels_due=reward.num_labels_due,
            num_open_queries=self._labels.num_ready + self._labels.num_leased,
            num_awaited=reward.num_awaited,
            num_lost_comparisons=reward.num_lost_comparisons,
            is_paused=self._labels.is_paused,
            labels_per_s=self._answers.rate if is_people else None,
            is_labelled_by_people=is_people,
            num_preferring=self._labels.num_left + self._labels.num_right,
            num_equal=self._labels.num_equal,
            num_incomparable=self._labels.num_incomparable,
            has_broken_returns=not math.isfinite(episodes.true_return_mean),
            true_return_mean=_number(episodes.true_return_mean) if has_episodes else None,
            # A task without a torso that could turn says exactly 0.
            flips_mean=episodes.flips_mean if has_episodes and episodes.flips_mean else None,
            landed_flips_mean=episodes.landed_flips_mean if has_episodes and episodes.flips_mean else None,
            predicted_reward_mean=learner.predicted_reward_mean if has_improved else None,
            preference_accuracy=_number(reward.preference_accuracy),
            num_accuracy_preferences=reward.num_accuracy_preferences,
            training_loss=_number(reward.training_loss) if reward.reward_version else None,
            statistics=dict(learner.statistics),
        )

    async def _follow_learner(self) -> NoReturn:
        backoff = Backoff()
        while True:
            try:
                with translated_errors():
                    stream = self._stubs.learner.WatchProgress(learner_pb2.WatchProgressRequest())
                    async for progress in stream:
                        backoff.reset()
                        self._keep_learner(progress)
            except SomersaultError as error:
                if error.is_hopeless:
                    raise
                # else it is being restarted
            await backoff.wait()

    async def _time_learner(self) -> NoReturn:
        """Note the passing of time while a waiting learner reports nothing."""
        while True:
            await asyncio.sleep(_POLL_S)
            if not self._is_restoring and not self.finished.is_set():
                self._steps.note(self._learner.env_steps, now_s=time.monotonic())

    def _polls(self) -> list[_Poll]:
        stubs = self._stubs
        polls = [
            _Poll(
                stubs.simulator.GetEpisodeStatistics,
                simulator_pb2.GetEpisodeStatisticsRequest(),
                self._keep_episodes,
            )
        ]
        if stubs.reward is not None:
            polls.append(_Poll(stubs.reward.GetStatus, reward_pb2.GetStatusRequest(), self._keep_reward))
        if stubs.labeler is not None:
            request = labeler_pb2.GetStatsRequest(run_id=self._config.run_id)
            polls.append(_Poll(stubs.labeler.GetStats, request, self._keep_labels))
        return polls

    @property
    def _is_restoring(self) -> bool:
        """Whether the learner has yet to report the step that it resumes from."""
        return self._learner.env_steps == 0 and self._learner.state in _BEFORE_RESTORING

    def _keep_learner(self, progress: learner_pb2.Progress) -> None:
        self._learner = progress
        if progress.state in _BEFORE_RESTORING:
            self._steps.forget()  # what it restores is not made now
        else:
            self._steps.note(progress.env_steps, now_s=time.monotonic())
        if progress.state == learner_pb2.LEARNER_STATE_FINISHED:
            self.finished.set()

    def _keep_episodes(self, response: simulator_pb2.GetEpisodeStatisticsResponse) -> None:
        if response.num_episodes:  # a restarted simulator has none at first; the older word is better
            self._episodes = response

    def _keep_reward(self, response: reward_pb2.RewardStatus) -> None:
        self._reward = response

    def _keep_labels(self, response: labeler_pb2.GetStatsResponse) -> None:
        self._labels = response
        self._has_labels = True
        self._answers.note(response.num_answered, now_s=time.monotonic())


@dataclass(frozen=True, slots=True)
class _Poll:
    method: Callable[..., Any]
    request: Any
    keep: Callable[[Any], None]


async def _repeat(poll: _Poll) -> NoReturn:
    while True:
        await _attempt(poll)
        await asyncio.sleep(_POLL_S)


async def _attempt(poll: _Poll) -> None:
    try:
        poll.keep(await call(poll.method, poll.request, timeout_s=_POLL_TIMEOUT_S))
    except SomersaultError as error:
        if error.is_hopeless:
            raise
        # else away, restarting, or not yet told of the run; the last word stands


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
