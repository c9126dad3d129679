"""The network that looks at pictures: acting and learning, float32 beside bfloat16, one thread beside two.

    python -m benchmarks.learning.picture_networks [--rounds N]

Pictures are 84 x 84 in stacks of four. Where the processor has no instructions for bfloat16 torch emulates it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import nn

from benchmarks.measure import compare, describe_machine, print_table
from services.learner.algorithms.ppo.config import PPOConfig
from services.learner.algorithms.ppo.ppo import PPO
from services.learner.networks import build_actor_critic
from services.simulator.policy import Policy
from somersault.domain.task_spec import TaskSpec
from somersault.numerics.precision import Precision, torch_dtype

__all__ = ["main"]

_SPEC = TaskSpec(
    task="pictures",
    frame_shape=(84, 84),
    num_frames=4,
    num_actions=6,
    episode_steps=1000,
    segment_steps=25,
    step_s=1 / 15,
    is_continuing=True,
)
_MINIBATCH_SIZE = 256
_NUM_ACTED_ON = 256  # observations in one measurement of acting
_PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")


def measure_acting(*, batch: int, precision: Precision, num_threads: int) -> float:
    """Return the observations per second that a simulator's policy acts on, ``batch`` at once."""
    arrays = PPO(PPOConfig(), spec=_SPEC, seed=0).export_policy()
    policy = Policy(arrays, spec=_SPEC, precision=precision, num_threads=num_threads)
    rng, worker = np.random.default_rng(0), policy.worker()
    frames = rng.integers(256, size=(_SPEC.num_frames, batch, 84, 84), dtype=np.uint8)
    noise = policy.draw_noise(rng, (batch,))
    actions, log_probs = np.empty(batch, np.int32), np.empty(batch, np.float32)

    def act() -> None:
        worker.act(frames.swapaxes(0, 1), noise, actions=actions, log_probs=log_probs)

    return batch * _calls_a_second(act, num_calls=_NUM_ACTED_ON // batch)


def measure_learning(*, precision: Precision, num_threads: int) -> float:
    """Return the rows per second of gradient steps on minibatches of 256."""
    torch.set_num_threads(num_threads)
    networks = build_actor_critic(
        _SPEC, hidden_size=64, initial_log_std=0.0, dtype=torch_dtype(precision), seed=0
    )
    optimiser = torch.optim.Adam(networks.parameters(), fused=True)
    pictures, actions = _minibatch()

    def step() -> None:
        log_probs, entropy, values = networks(pictures, actions)
        optimiser.zero_grad()
        (values.square().mean() - log_probs.mean() - entropy).backward()
        optimiser.step()

    return _MINIBATCH_SIZE * _calls_a_second(step, num_calls=2)


def measure_plain_learning(*, num_threads: int) -> float:
    """Return the same for the same network written plainly: float32, channels first."""
    torch.set_num_threads(num_threads)
    layers = [nn.Conv2d(4, 32, 8, 4), nn.ReLU(), nn.Conv2d(32, 64, 4, 2), nn.ReLU(), nn.Conv2d(64, 64, 3, 1)]
    layers += [nn.ReLU(), nn.Flatten(), nn.Linear(64 * 7 * 7, 512), nn.ReLU(), nn.Linear(512, 7)]
    network = nn.Sequential(*layers)
    optimiser = torch.optim.Adam(network.parameters(), fused=True)
    pictures, actions = _minibatch()

    def step() -> None:
        outputs = network(pictures.float() / 255)
        optimiser.zero_grad()
        (outputs[:, 6].square().mean() + nn.functional.cross_entropy(outputs[:, :6], actions)).backward()
        optimiser.step()

    return _MINIBATCH_SIZE * _calls_a_second(step, num_calls=2)


def _minibatch() -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(0)
    pictures = rng.integers(256, size=(_MINIBATCH_SIZE, 4, 84, 84), dtype=np.uint8)
    return torch.from_numpy(pictures), torch.from_numpy(rng.integers(6, size=_MINIBATCH_SIZE))


def _calls_a_second(call: Callable[[], None], *, num_calls: int) -> float:
    call()
    started = time.perf_counter()
    for _ in range(num_calls):
        call()
    return num_calls / (time.perf_counter() - started)


def main() -> None:
    """Measure all in turns and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    num_rounds = parser.parse_args().rounds
    print(f"networks over pictures: {describe_machine()}")
    for num_threads in (1, 2):
        _compare_acting(num_threads=num_threads, num_rounds=num_rounds)
        _compare_learning(num_threads=num_threads, num_rounds=num_rounds)


def _compare_acting(*, num_threads: int, num_rounds: int) -> None:
    acting = {
        f"{precision}, {batch} at once": partial(
            measure_acting, batch=batch, precision=precision, num_threads=num_threads
        )
        for batch in (8, 16, 64)
        for precision in _PRECISIONS
    }
    speeds = compare(acting, num_rounds=num_rounds)
    title = f"Acting, threads: {num_threads}"
    print_table(title, speeds, unit="observations/s", base="float32, 8 at once")


def _compare_learning(*, num_threads: int, num_rounds: int) -> None:
    plain = "float32, channels first"
    learning: dict[str, Callable[[], float]] = {
        plain: partial(measure_plain_learning, num_threads=num_threads)
    }
    for precision in _PRECISIONS:
        learning[f"{precision}, channels last"] = partial(
            measure_learning, precision=precision, num_threads=num_threads
        )
    speeds = compare(learning, num_rounds=num_rounds)
    title = f"Learning, minibatches of {_MINIBATCH_SIZE}, threads: {num_threads}"
    print_table(title, speeds, unit="rows/s", base=plain)


if __name__ == "__main__":
    main()
