"""Gathers a rollout: T steps of N environments under one policy version.

True rewards never enter a rollout. Beside it comes a trace, from which segments are cut.

Shapes: T steps, N environments, n environments of a lane, F frames of an observation, A action, ``*frame``
the axes of a frame (`somersault.domain.arrays`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from services.simulator.environments import EnvironmentBatch, Lane, Passage
from services.simulator.policy import Policy
from services.simulator.rollouts.lane_threads import run_lanes
from somersault.domain.arrays import ActionArray, FloatArray, FrameArray
from somersault.domain.task_spec import TaskSpec
from somersault.domain.trajectory import Rollout

__all__ = ["Trace", "gather"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What segments are cut from: a rollout's frames and executed actions, and its passage."""

    sequence: int
    """The rollout's."""
    policy_version: int
    """The rollout's."""
    frames: FrameArray
    """``[T + F - 1, N, *frame]``, the newest before each action last."""
    actions: ActionArray
    """``[T, N, A]`` float32, as executed: clipped to -1 and 1; or ``[T, N]`` or ``[T, N, D]`` int32."""
    passage: Passage
    """What the steps came to, true rewards included."""

    @property
    def history(self) -> FrameArray:
        """The frames ``[F - 1, N, *frame]`` that stay in view of the first observations of the next rollout."""
        return self.frames[len(self.actions) :].copy()


def gather(
    environment: EnvironmentBatch,
    policy: Policy,
    *,
    sequence: int,
    policy_version: int,
    num_steps: int,
    rng: np.random.Generator,
    is_stochastic: bool = True,
    history: FrameArray | None = None,
    num_threads: int = 1,
) -> tuple[Rollout, Trace]:
    """Gather ``num_steps`` steps of each environment.

    Args:
        environment: Continues from where it stands.
        policy: Acts.
        sequence: Names the rollout.
        policy_version: The policy's.
        num_steps: T.
        rng: Draws the noise of all actions at once.
        is_stochastic: Whether there is noise; without it the likeliest action is taken.
        history: ``[F - 1, N, *frame]``, the frames before the newest, as the previous rollout left them;
            without it the newest is repeated.
        num_threads: How many lanes are stepped side by side; it changes nothing else.
    """
    spec, num = environment.task.spec, environment.num_environments
    noise = policy.draw_noise(rng, (num_steps, num), is_stochastic=is_stochastic)
    buffers = _Buffers(spec, noise, history)
    environment.begin(num_steps)
    run_lanes([_run_lane(lane, policy, buffers) for lane in environment.lanes], num_threads=num_threads)
    passage = environment.finish()
    rollout = Rollout(
        sequence=sequence,
        policy_version=policy_version,
        observations=buffers.frames,
        actions=buffers.actions,
        log_probs=buffers.log_probs,
        is_truncated=passage.is_truncated,
        final_observations=passage.final_observations,
        next_observations=passage.next_observations,
        is_still=passage.is_still if spec.still_steps else None,
    )
    trace = Trace(
        sequence=sequence,
        policy_version=policy_version,
        frames=buffers.frames,
        actions=buffers.executed,
        passage=passage,
    )
    return rollout, trace


class _Buffers:
    """What the steps of one rollout write; each lane writes its own rows."""

    def __init__(self, spec: TaskSpec, noise: FloatArray, history: FrameArray | None) -> None:
        num_steps, num = noise.shape[:2]
        self.spec = spec
        self.num_steps = num_steps
        self.noise = noise
        self.num_before = spec.num_frames - 1
        self.has_history = history is not None
        self.frames = np.empty((num_steps + self.num_before, num, *spec.stored_shape), spec.frame_dtype)
        if history is not None:
            self.frames[: self.num_before] = history
        self.actions = np.empty((num_steps, num, *spec.action_shape), spec.action_dtype)
        # A choice is executed as it was drawn.
        self.executed = self.actions if spec.is_discrete else np.empty_like(self.actions)
        self.log_probs = np.empty((num_steps, num), np.float32)

    def observation(self, step: int, rows: slice) -> FrameArray:
        """Return what the policy sees: ``[n, O]`` float32, or a view ``[n, F, H, W]`` uint8."""
        if not self.spec.is_image:
            return self.frames[step, rows]
        return self.frames[step : step + self.num_before + 1, rows].swapaxes(0, 1)


def _run_lane(lane: Lane, policy: Policy, buffers: _Buffers) -> Iterator[None]:
    """Observe, act and step, once for each item yielded, until the lane's part of the rollout is complete."""
    rows, worker, before = lane.rows, policy.worker(), buffers.num_before
    for step in range(buffers.num_steps):
        lane.observe(buffers.frames[step + before, rows])
        if step == 0 and not buffers.has_history:
            buffers.frames[:before, rows] = buffers.frames[before, rows]
        actions, executed = buffers.actions[step, rows], buffers.executed[step, rows]
        worker.act(
            buffers.observation(step, rows),
            buffers.noise[step, rows],
            actions=actions,
            log_probs=buffers.log_probs[step, rows],
        )
        if executed is not actions and not buffers.spec.is_discrete:
            np.minimum(actions, np.float32(1.0), out=executed)
            np.maximum(executed, np.float32(-1.0), out=executed)
        lane.step(executed)
        yield
