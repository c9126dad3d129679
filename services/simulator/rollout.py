"""Gathers rollouts: N environments, T steps, one policy version.

True rewards never enter a rollout. Beside it comes a trace, from which segments are cut.

Shapes: T steps, N environments, M episodes that ended, O observation, A action, S physics state.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.simulator.environment import MujocoBatch, Truncation
from services.simulator.policy import Policy
from somersault.types import BoolArray, DoubleArray, FloatArray, Rollout

__all__ = ["Trace", "gather"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """Holds what a rollout leaves behind for segments: actions as executed, physics states."""

    sequence: int
    """The rollout's."""
    policy_version: int
    """The rollout's."""
    observations: FloatArray
    """``[T, N, O]`` float32, before each action."""
    actions: FloatArray
    """``[T, N, A]`` float32, as executed: clipped to -1 and 1."""
    states: DoubleArray
    """``[T, N, S]`` float64, before each action."""
    is_truncated: BoolArray
    """``[T, N]`` bool, whether the episode ended with this step."""
    final_states: DoubleArray
    """``[M, S]`` float64, after each ended episode, in row-major order of ``is_truncated``."""
    next_states: DoubleArray
    """``[N, S]`` float64, where the next rollout begins."""


def gather(
    environment: MujocoBatch,
    policy: Policy,
    *,
    sequence: int,
    policy_version: int,
    num_steps: int,
    rng: np.random.Generator,
    is_stochastic: bool = True,
) -> tuple[Rollout, Trace]:
    """Gathers ``num_steps`` steps of each environment.

    Args:
        environment: Goes on from where it stands.
        policy: Acts.
        sequence: Names the rollout.
        policy_version: The policy's.
        num_steps: T.
        rng: Draws the noise of all actions at once.
        is_stochastic: Whether there is noise; without it the mean action is taken.
    """
    num, action_dim = environment.num_environments, environment.task.action_dim
    observations = np.empty((num_steps, num, environment.task.observation_dim), np.float32)
    states = np.empty((num_steps, num, environment.state_dim))
    noise = np.zeros((num_steps, num, action_dim), np.float32)
    if is_stochastic:
        rng.standard_normal(dtype=np.float32, out=noise)
    actions, executed = np.empty_like(noise), np.empty_like(noise)
    endings: list[tuple[int, Truncation]] = []
    for step in range(num_steps):
        observations[step] = environment.observations
        states[step] = environment.states
        policy.sample(observations[step], noise[step], out=actions[step])
        np.clip(actions[step], -1.0, 1.0, out=executed[step])
        ended = environment.step(executed[step])
        if ended is not None:
            endings.append((step, ended))
    is_truncated = _mark(endings, shape=(num_steps, num))
    final_observations, final_states = _last_of(endings, environment)
    rollout = Rollout(
        sequence=sequence,
        policy_version=policy_version,
        observations=observations,
        actions=actions,
        log_probs=policy.log_probs(noise),
        is_truncated=is_truncated,
        final_observations=final_observations,
        next_observations=environment.observations.astype(np.float32),
    )
    trace = Trace(
        sequence=sequence,
        policy_version=policy_version,
        observations=observations,
        actions=executed,
        states=states,
        is_truncated=is_truncated,
        final_states=final_states,
        next_states=environment.states.copy(),
    )
    return rollout, trace


def _mark(endings: list[tuple[int, Truncation]], *, shape: tuple[int, int]) -> BoolArray:
    """Gives the ``[T, N]`` mask of the steps with which an episode ended."""
    is_truncated = np.zeros(shape, np.bool_)
    for step, ended in endings:
        is_truncated[step, ended.rows] = True
    return is_truncated


def _last_of(
    endings: list[tuple[int, Truncation]], environment: MujocoBatch
) -> tuple[FloatArray, DoubleArray]:
    """Gives the last observations ``[M, O]`` float32 and states ``[M, S]`` of the ended episodes."""
    observations = [np.empty((0, environment.task.observation_dim))]
    states = [np.empty((0, environment.state_dim))]
    for _, ended in endings:
        observations.append(ended.observations)
        states.append(ended.states)
    return np.concatenate(observations).astype(np.float32), np.concatenate(states)
