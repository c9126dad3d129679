"""Follows a run's progress through its services, any of which may be away."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from somersault.cli.monitoring.lessons import Lessons
from somersault.cli.monitoring.rate_window import RateWindow
from somersault.cli.run.config import RunConfig
from somersault.cli.services.connections import ServiceStubs
from somersault.errors import SomersaultError
from somersault.rpc import Backoff, call, translated_errors
from somersault.v1 import labeler_pb2, learner_pb2, reward_pb2, simulator_pb2

__all__ = ["ProgressWatcher", "RunProgress"]

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


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProgress:
    """A run's progress. What no service has reported yet is None or 0."""

    state: str
    is_finished: bool
    has_learner: bool = True
    """Whether the learner has reported its step."""
    env_steps: int
    total_env_steps: int
    env_steps_per_s: float
    policy_version: int
    reward_version: int
    num_labels: int
    has_labels: bool = True
    """Whether the labeler has reported the count."""
    label_budget: int
    num_labels_due: int
    """Labels due by the label schedule at the learner's step."""
    num_open_queries: int
    """Queries that wait for an answer."""
    num_awaited: int = 0
    """Answers that the learner waits for."""
    num_lost_comparisons: int = 0
    """Answers that can't be learned from because their segments are lost."""
    is_paused: bool = False
    """Whether an owner has paused labeling."""
    labels_per_s: float | None = None
    """Answers per second over the last minutes if people answer; None while there are too few to tell."""
    is_labelled_by_people: bool = False
    num_preferring: int = 0
    """Answers of left or right."""
    num_equal: int = 0
    num_incomparable: int = 0
    has_broken_returns: bool = False
    """Whether a recent episode's hidden reward is not finite."""
    true_return_mean: float | None
    flips_mean: float | None
    landed_flips_mean: float | None
    predicted_reward_mean: float | None
    preference_accuracy: float | None
    """How often the reward model predicted the newest answers, 0 to 1."""
    num_accuracy_preferences: int = 0
    """How many answers of left or right that covers."""
    training_loss: float | None = None
    """The reward model's mean loss over its last round, nats per comparison."""
    statistics: Mapping[str, float] = field(default_factory=dict)
    """The learner's statistics of its last improvement."""

    @property
    def lessons(self) -> Lessons:
        """Whether the answers can be learned from."""
        return Lessons(
            num_labels=self.num_labels,
            label_budget=self.label_budget,
            num_preferring=self.num_preferring,
            num_equal=self.num_equal,
            num_incomparable=self.num_incomparable,
            num_open=self.num_open_queries,
        )

    @property
    def time_left_s(self) -> float | None:
        """Estimated seconds until the end, at the speed of the learner and of the labelers; None while unknown."""
        num_steps_left = max(0, self.total_env_steps - self.env_steps)
        steps_s = num_steps_left / self.env_steps_per_s if self.env_steps_per_s > 0 else None
        num_labels_left = max(0, self.label_budget - self.num_labels)
        if not (self.is_labelled_by_people and num_labels_left) or self.is_finished:
            return steps_s
        if self.labels_per_s is None:
            return None
        # A learner that waits for people is slow because of them.
        labels_s = num_labels_left / self.labels_per_s
        return labels_s if self.num_awaited or steps_s is None else max(labels_s, steps_s)


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
