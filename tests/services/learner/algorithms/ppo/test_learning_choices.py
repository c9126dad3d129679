"""PPO learns which choices pay, from vectors and from pictures, with log-probabilities as simulators send them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from services.learner.algorithms.ppo.config import PPOConfig
from services.learner.algorithms.ppo.ppo import PPO
from services.simulator.policy import Policy
from somersault.domain.packing import with_numbers
from somersault.domain.task_spec import TaskSpec
from somersault.domain.trajectory import Rollout

_TIMING = {"task": "any", "episode_steps": 1000, "segment_steps": 4, "step_s": 0.01, "is_continuing": True}


def _probabilities(ppo: PPO, observations: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        policy = ppo.networks.policy
        return torch.softmax(policy.logits(policy.torso(observations)), dim=-1)


def _act(ppo: PPO, observations: torch.Tensor, *, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return a choice drawn for each row, int32, and its log-probability."""
    probabilities = _probabilities(ppo, observations).double().numpy()
    chosen = (probabilities.cumsum(axis=1) > rng.random((len(probabilities), 1))).argmax(axis=1)
    log_probs = np.log(probabilities[np.arange(len(chosen)), chosen])
    return chosen.astype(np.int32), log_probs.astype(np.float32)


def _rollout(frames: np.ndarray, actions: np.ndarray, log_probs: np.ndarray, *, steps: int) -> Rollout:
    shape = (steps, frames.shape[1])
    return Rollout(
        sequence=0,
        policy_version=0,
        observations=frames[:-1],
        actions=actions.reshape(*shape, *actions.shape[1:]),
        log_probs=log_probs.reshape(shape),
        is_truncated=np.zeros(shape, np.bool_),
        final_observations=frames[:0, 0],
        next_observations=frames[-1],
    )


def test_the_arm_that_pays_comes_to_be_chosen() -> None:
    """A bandit of four arms of which the third pays: from a quarter of all choices to nine in ten."""
    spec = TaskSpec(**_TIMING, frame_shape=(2,), num_actions=4)
    config = PPOConfig(hidden_size=16, minibatch_size=64, num_epochs=4, learning_rate=3e-3, discount=0.0)
    ppo, rng = PPO(config, spec=spec, seed=0), np.random.default_rng(0)
    frames, rows = np.ones((17, 16, 2), np.float32), torch.zeros(256, 2)
    before = _probabilities(ppo, rows)[0, 2].item()
    for _ in range(15):
        actions, log_probs = _act(ppo, rows, rng=rng)
        rollout = _rollout(frames, actions, log_probs, steps=16)
        ppo.improve(rollout, (rollout.actions == 2).astype(np.float32))
    assert abs(before - 0.25) < 0.05
    assert _probabilities(ppo, rows)[0, 2].item() > 0.9


def test_the_bits_shown_come_to_be_set() -> None:
    """Three bits are shown and three are set; each pays alone. From half of them right to nine in ten on fresh ones."""
    spec = TaskSpec(**_TIMING, frame_shape=(3,), choice_sizes=(2, 2, 2))
    right = _learn_choices(spec, lambda seen: (seen > 0).astype(np.int32))
    assert right[0] < 0.6
    assert right[-1] > 0.9


def test_choices_of_unlike_numbers_are_learned_side_by_side() -> None:
    """Of three, of four and of a single one, the first two where the numbers shown are."""
    spec = TaskSpec(**_TIMING, frame_shape=(2,), choice_sizes=(3, 4, 1))

    def answer(seen: np.ndarray) -> np.ndarray:
        first, second = np.digitize(seen[:, 0], [-0.43, 0.43]), np.digitize(seen[:, 1], [-0.67, 0, 0.67])
        return np.stack([first, second, np.zeros(len(seen))], axis=1).astype(np.int32)

    right = _learn_choices(spec, answer)
    assert right[0] < 0.7  # a third, a quarter and all of three
    assert right[-1] > 0.88


def _learn_choices(spec: TaskSpec, answer: Callable[[np.ndarray], np.ndarray]) -> list[float]:
    """Learn by the simulator's own copy of the policy; return the fraction of right choices, rollout by rollout."""
    config = PPOConfig(hidden_size=32, minibatch_size=128, num_epochs=6, learning_rate=3e-3, discount=0.0)
    ppo, rng = PPO(config, spec=spec, seed=0), np.random.default_rng(0)
    shares, (steps, environments) = [], (32, 16)
    for _ in range(25):
        frames = rng.standard_normal((steps + 1, environments, *spec.frame_shape)).astype(np.float32)
        seen = frames[:-1].reshape(-1, *spec.frame_shape)
        policy = Policy(ppo.export_policy(), spec=spec)
        actions, log_probs = (
            np.empty((len(seen), *spec.action_shape), np.int32),
            np.empty(len(seen), np.float32),
        )
        policy.worker().act(seen, policy.draw_noise(rng, (len(seen),)), actions=actions, log_probs=log_probs)
        is_right = actions == answer(seen)
        shares.append(float(is_right.mean()))
        rollout = _rollout(frames, actions, log_probs, steps=steps)
        ppo.improve(rollout, is_right.mean(axis=1).reshape(steps, environments).astype(np.float32))
    return shares


def test_the_brighter_half_comes_to_be_chosen() -> None:
    """Pictures of 84 x 84 of which one half of the newest frame is brighter: from half right to nine in ten on fresh ones."""
    spec = TaskSpec(**_TIMING, frame_shape=(84, 84), num_frames=2, num_actions=2)
    config = PPOConfig(minibatch_size=32, num_epochs=2, learning_rate=1e-3, discount=0.0)
    ppo, rng = PPO(config, spec=spec, seed=0), np.random.default_rng(0)
    share_right = []
    for _ in range(6):
        frames, is_right_brighter = _draw_halves(rng, num_steps=8, num_environments=16)
        stacks = np.stack([frames[0:8], frames[1:9]], axis=2).reshape(-1, 2, 84, 84)
        actions, log_probs = _act(ppo, torch.from_numpy(stacks), rng=rng)
        rollout = _rollout(frames, actions, log_probs, steps=8)
        rewards = (rollout.actions == is_right_brighter[1:9]).astype(np.float32)
        share_right.append(rewards.mean())
        ppo.improve(rollout, rewards)
    assert share_right[0] < 0.65
    assert share_right[-1] > 0.9


def test_a_number_beside_a_picture_comes_to_be_heeded() -> None:
    """Two planes of noise and a large number whose sign is the answer: it is normalised, and reaches the choice."""
    spec = TaskSpec(**_TIMING, frame_shape=(36, 36), num_planes=2, num_numbers=3, num_actions=2)
    config = PPOConfig(minibatch_size=64, num_epochs=3, learning_rate=1e-3, discount=0.0)
    ppo, rng = PPO(config, spec=spec, seed=0), np.random.default_rng(0)
    shares, (steps, environments) = [], (16, 16)
    for _ in range(14):
        frames = rng.integers(256, size=(steps + 1, environments, *spec.stored_shape), dtype=np.uint8)
        numbers = (500 * rng.standard_normal((steps + 1, environments, 3))).astype(np.float32)
        frames = with_numbers(frames, numbers)
        policy = Policy(ppo.export_policy(), spec=spec)
        actions, log_probs = (
            np.empty(steps * environments, np.int32),
            np.empty(steps * environments, np.float32),
        )
        seen = frames[:-1].reshape(-1, 1, *spec.stored_shape)
        noise = policy.draw_noise(rng, (len(seen),))
        policy.worker().act(seen, noise, actions=actions, log_probs=log_probs)
        rollout = _rollout(frames, actions, log_probs, steps=steps)
        is_right = rollout.actions == (numbers[:-1, :, 1] > 0)
        shares.append(float(is_right.mean()))
        ppo.improve(rollout, is_right.astype(np.float32))
    assert shares[0] < 0.65
    assert shares[-1] > 0.9


def _draw_halves(
    rng: np.random.Generator, *, num_steps: int, num_environments: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return frames ``[T + 2, N, 84, 84]`` uint8 of noise, and where the right half is brighter ``[T + 2, N]``."""
    shape = (num_steps + 2, num_environments)
    frames = rng.integers(100, size=(*shape, 84, 84), dtype=np.uint8)
    is_right_brighter = rng.random(shape) < 0.5
    frames[~is_right_brighter, :, :42] += 100
    frames[is_right_brighter, :, 42:] += 100
    return frames, is_right_brighter
