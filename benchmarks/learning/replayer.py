"""A simulator that simulates nothing: the real stream, with one rollout of random numbers sent again and again.

python -m benchmarks.learning.replayer --task pong --learner-address 127.0.0.1:7002 --num-environments 16
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import signal
from pathlib import Path

import numpy as np

from services.simulator.learner_stream import LearnerStream
from services.simulator.own_run import OwnRun
from services.simulator.rollouts.gatherer import Gathered, Gatherer, GathererSettings
from services.simulator.rollouts.gatherer_thread import GathererThread
from services.simulator.segments.offers import Offer
from somersault.domain.arrays import FrameArray
from somersault.domain.task_spec import TaskSpec
from somersault.domain.trajectory import Rollout
from somersault.runtime import allocator
from somersault.tasks import get_task

__all__ = ["random_rollout"]


def random_rollout(spec: TaskSpec, *, num_steps: int, num_environments: int) -> Rollout:
    """Return a rollout ``[T, N]`` of the task's shapes in which no episode ends."""
    rng = np.random.default_rng(0)
    steps = (num_steps, num_environments)

    def frames(*leading: int) -> FrameArray:
        shape = (*leading, *spec.stored_shape)
        if spec.is_image:
            return rng.integers(0, 256, shape, np.uint8)
        return rng.standard_normal(shape, np.float32)

    return Rollout(
        sequence=0,
        policy_version=0,
        observations=frames(num_steps + spec.num_frames - 1, num_environments),
        actions=rng.integers(0, spec.num_actions, steps, np.int32)
        if spec.is_discrete
        else rng.standard_normal((*steps, spec.action_dim), np.float32),
        log_probs=rng.standard_normal(steps, np.float32),
        is_truncated=np.zeros(steps, np.bool_),
        final_observations=frames(0),
        next_observations=frames(num_environments),
    )


class _Replay(Gatherer):
    """Returns the same rollout under each new name."""

    def __init__(self, spec: TaskSpec, *, num_environments: int) -> None:
        self._spec = spec
        self._num_environments = num_environments
        self._rollout: Rollout | None = None

    def add_policy(self, policy_version: int, weights: bytes) -> None:
        """Ignore a policy."""

    def gather(self, *, sequence: int, policy_version: int, num_steps: int) -> Gathered:
        """Return the rollout at once."""
        self._rollout = self._rollout or random_rollout(
            self._spec, num_steps=num_steps, num_environments=self._num_environments
        )
        rollout = dataclasses.replace(self._rollout, sequence=sequence, policy_version=policy_version)
        return Gathered(
            rollout=rollout, true_rewards=rollout.log_probs, offer=Offer(sequence, ()), recent_scores=()
        )

    def close(self) -> None:
        """Do nothing: there is nothing to close."""


class _ReplayThread(GathererThread):
    """The real thread around a replay."""

    def _open(self, incarnation: str, seed: np.random.SeedSequence) -> Gatherer:
        del incarnation, seed  # nothing here has a name or is random
        return _Replay(self._task.spec, num_environments=self.num_environments)


async def _run(arguments: argparse.Namespace) -> None:
    task, simulator_id = get_task(arguments.task), arguments.simulator_id
    gatherer = _ReplayThread(
        task,
        incarnation=simulator_id,
        settings=GathererSettings(num_environments=arguments.num_environments),
    )
    stream = LearnerStream(
        task,
        address=arguments.learner_address,
        own_run=OwnRun(),
        simulator_id=simulator_id,
        incarnation=simulator_id,
        gatherer=gatherer,
        certificates=arguments.certificates_path,
    )
    running = asyncio.create_task(stream.run())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    await asyncio.gather(running, return_exceptions=True)
    await gatherer.close()


def main() -> None:
    """Replay until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--task", required=True)
    parser.add_argument("--learner-address", required=True)
    parser.add_argument("--simulator-id", default="replayer-0")
    parser.add_argument("--certificates-path", type=Path, default=None)
    parser.add_argument("--num-environments", type=int, required=True)
    allocator.keep_freed_memory()  # as services do
    asyncio.run(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
