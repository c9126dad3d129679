"""The table of algorithms: another one needs a folder and a line, here shown with one that does nothing."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
import pydantic
import pytest

from services.learner.algorithms.algorithm import AlgorithmConfig
from services.learner.algorithms.ppo.config import PPOConfig
from services.learner.algorithms.ppo.ppo import PPO
from services.learner.algorithms.table import ALGORITHMS, with_algorithms
from services.learner.application import build
from services.learner.checkpoints import CheckpointStore, Counters, take_snapshot
from services.learner.config import LearnerConfig
from services.learner.progress import LearnerState
from somersault.domain.arrays import FrameArray
from somersault.domain.task_spec import TaskSpec
from somersault.domain.trajectory import Rollout
from somersault.errors import ConfigError
from somersault.runtime.config import COMPONENT, load_config
from somersault.runtime.urls import file_url
from somersault.storage import open_store
from somersault.tasks import get_task
from tests.services.learner.serving import Simulator, serving

_REQUIRED = ("--task", "pendulum", "--run-id", "r")


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=COMPONENT)
class IdleConfig(AlgorithmConfig):
    """Leaves the policy as it is."""

    entry_point: ClassVar[str] = f"{__name__}:Idle"

    num_arrays: int = pydantic.Field(default=1, ge=1, le=9)
    """Arrays of the policy."""

    def check_for(self, spec: TaskSpec) -> None:
        """Refuse pictures."""
        if spec.is_image:
            raise ConfigError("double.num_arrays", self.num_arrays, "of a task without pictures")


class Idle:
    """An algorithm that does nothing."""

    def __init__(self, config: IdleConfig, *, spec: TaskSpec, seed: int) -> None:
        """Draw the policy that will stay."""
        drawn = np.random.default_rng(seed).normal(size=(config.num_arrays, spec.action_dim))
        self._arrays = {str(index): np.float32(row) for index, row in enumerate(drawn)}

    def observe(self, observations: FrameArray) -> None:
        """Do nothing."""

    def improve(self, rollout: Rollout, rewards: np.ndarray) -> Mapping[str, float]:
        """Do nothing."""
        return {"idleness": 1.0}

    def export_policy(self) -> dict[str, np.ndarray]:
        """Return the arrays."""
        return dict(self._arrays)

    def state_dict(self) -> dict[str, np.ndarray]:
        """Return the arrays."""
        return dict(self._arrays)

    def load_state_dict(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take the arrays over."""
        self._arrays = dict(arrays)


@with_algorithms({**ALGORITHMS, "double": f"{__name__}:IdleConfig"})
class _Config(LearnerConfig):
    """What `LearnerConfig` is once there is a line of another algorithm in the table."""


def _load(folder: Path, *flags: str, kind: type[LearnerConfig] = _Config) -> LearnerConfig:
    return load_config(kind, [*_REQUIRED, "--storage-url", file_url(folder), *flags])


def test_ppo_is_what_learns_unless_told_otherwise(tmp_path: Path) -> None:
    """Its settings are under its name, as they were before there was a table."""
    for kind in (LearnerConfig, _Config):
        config = _load(tmp_path, "--ppo.learning-rate", "0.001", kind=kind)
        assert config.algorithm_config == PPOConfig(learning_rate=1e-3)
        assert isinstance(config.algorithm_config.build(get_task("pendulum").spec, seed=0), PPO)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_each_algorithm_of_the_table_can_be_built(name: str, tmp_path: Path) -> None:
    """From its default settings; its state can be restored."""
    config = _load(tmp_path, "--algorithm", name, kind=LearnerConfig)
    algorithms = [config.algorithm_config.build(get_task("pendulum").spec, seed=seed) for seed in (0, 1)]
    algorithms[1].load_state_dict(algorithms[0].state_dict())
    for key, array in algorithms[0].export_policy().items():
        np.testing.assert_array_equal(algorithms[1].export_policy()[key], array)


def test_another_algorithm_has_settings_of_its_own(tmp_path: Path) -> None:
    """With flags, bounds and errors like any other setting."""
    config = _load(tmp_path, "--algorithm", "double", "--double.num-arrays", "3")
    assert config.algorithm_config == IdleConfig(num_arrays=3)
    with pytest.raises(ConfigError, match=r"double\.num_arrays is '0': must be greater"):
        _load(tmp_path, "--double.num-arrays", "0")
    config.check_for(get_task("pendulum").spec)
    with pytest.raises(ConfigError, match="without pictures"):
        config.check_for(get_task("pong").spec)


def test_an_algorithm_that_is_not_in_the_table_is_refused(tmp_path: Path) -> None:
    """The error names those that are."""
    for kind, known in ((LearnerConfig, list(ALGORITHMS)), (_Config, [*ALGORITHMS, "double"])):
        with pytest.raises(ConfigError, match="algorithm is 'none': must be ") as refused:
            _load(tmp_path, "--algorithm", "none", kind=kind)
        assert re.findall(r"'(\w+)'", str(refused.value))[1:] == known


async def test_another_algorithm_learns_in_a_whole_learner(tmp_path: Path) -> None:
    """Loop, publication and checkpoints know nothing of it: a reference run from a checkpoint to its end."""
    spec, store = get_task("pendulum").spec, open_store(file_url(tmp_path))
    before = Idle(IdleConfig(), spec=spec, seed=7)
    CheckpointStore(store, run_id="r").save(take_snapshot(before, Counters(env_steps=8, policy_version=3)))
    flags = ("--is-reference", "--rollout-steps", "4", "--total-env-steps", "16")
    application = await build(_load(tmp_path, "--algorithm", "double", *flags))
    async with serving(application) as address, asyncio.timeout(30):
        collecting = asyncio.create_task(Simulator(address, spec).collect_reference())
        async for progress in application.loop.progress.watch():
            if progress.state is LearnerState.FINISHED:
                break
        collecting.cancel()
        await asyncio.gather(collecting, return_exceptions=True)
    assert (progress.env_steps, progress.policy_version) == (16, 4)
    assert progress.statistics == {"idleness": 1.0}
    kept = Idle(IdleConfig(), spec=spec, seed=0)
    assert CheckpointStore(store, run_id="r").restore(kept) == Counters(env_steps=16, policy_version=4)
    np.testing.assert_array_equal(kept.export_policy()["0"], before.export_policy()["0"])
