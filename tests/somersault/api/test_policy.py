"""A loaded policy acts as the simulator's own does, whatever it looks at and chooses among."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import somersault
from services.simulator.policy import Policy as SimulatorPolicy
from somersault.domain.frames import unpacked
from somersault.errors import CorruptDataError, InvalidInputError, NotFoundError
from somersault.export.folder import export
from somersault.runs import load_run
from somersault.tasks import get_task
from tests.somersault.synthetic_runs import make_run, observations_and_actions, policy_arrays
from tests.synthetic_environments import name_of

KINDS = [
    "hopper-backflip",
    "CartPole-v1",
    "pong",
    *map(name_of, ("Choices", "PictureAndSensors")),
]
"""Vectors and pictures, actions that are vectors, a choice, and several."""


@pytest.mark.parametrize("name", KINDS)
def test_likeliest_action_is_the_simulators(name: str) -> None:
    """To the last bits of single precision; a choice exactly."""
    spec = get_task(name).spec
    arrays = policy_arrays(spec)
    observations, _ = observations_and_actions(spec, 6)
    simulated = np.empty((6, *spec.action_shape), spec.action_dtype)
    policy = SimulatorPolicy(arrays, spec=spec, precision="float32")
    noise = policy.draw_noise(np.random.default_rng(0), (6,), is_stochastic=False)
    policy.worker().act(observations, noise, actions=simulated, log_probs=np.empty(6, np.float32))
    ours = somersault.Policy(arrays)
    each = [unpacked(observation, spec=spec) for observation in observations]
    acted = np.stack([ours.act(observation, deterministic=True) for observation in each])
    assert acted.dtype == spec.action_dtype
    if not spec.is_discrete:
        simulated = np.clip(simulated, -1, 1)
    np.testing.assert_allclose(acted, simulated, atol=1e-4)


def test_drawn_actions_have_the_policys_mean_and_deviation() -> None:
    """2,000 draws of an action well within its bounds."""
    spec = get_task("hopper-backflip").spec
    arrays = policy_arrays(spec) | {"log_std": np.log(np.array([0.1, 0.05, 0.02], np.float32))}
    arrays["mean.weight"] = arrays["mean.weight"] * 0
    arrays["mean.bias"] = np.array([0.1, 0.0, -0.2], np.float32)
    policy = somersault.Policy(arrays, seed=0)
    drawn = np.stack([policy.act(np.zeros(11)) for _ in range(2000)])
    np.testing.assert_allclose(drawn.mean(axis=0), [0.1, 0.0, -0.2], atol=0.01)
    np.testing.assert_allclose(drawn.std(axis=0), [0.1, 0.05, 0.02], rtol=0.06)


def test_drawn_choices_are_as_frequent_as_the_logits_say() -> None:
    """Softmax of 0 and log 3: one in four and three in four."""
    arrays = policy_arrays(get_task("CartPole-v1").spec)
    arrays["logits.weight"] = arrays["logits.weight"] * 0
    arrays["logits.bias"] = np.array([0, np.log(3)], np.float32)
    policy = somersault.Policy(arrays, seed=0)
    drawn = np.array([policy.act(np.zeros(4)) for _ in range(2000)])
    assert drawn.mean() == pytest.approx(0.75, abs=0.03)


def test_same_seed_draws_the_same_actions(real_run: Path) -> None:
    """And another seed others."""
    observation = np.zeros(11)
    first, same, other = (somersault.load_policy(real_run, seed=seed).act(observation) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, same)
    assert (first != other).any()


def test_exported_policy_is_the_runs(real_run: Path, tmp_path: Path) -> None:
    """By the folder or by the file, its version included."""
    run = load_run(real_run)
    export(run, tmp_path / "out")
    observation = np.linspace(-1, 1, 11)
    expected = somersault.load_policy(run).act(observation, deterministic=True)
    for source in (tmp_path / "out", tmp_path / "out" / "policy.safetensors"):
        loaded = somersault.load_policy(source)
        assert loaded.version == run.policy().version
        np.testing.assert_array_equal(loaded.act(observation, deterministic=True), expected)


@pytest.mark.parametrize(
    ("name", "shape"), [("hopper-backflip", (12,)), ("hopper-backflip", (1, 11)), ("pong", (3, 84, 84))]
)
def test_observation_of_another_shape_is_refused(name: str, shape: tuple[int, ...]) -> None:
    """By name and shape."""
    policy = somersault.Policy(policy_arrays(get_task(name).spec))
    with pytest.raises(InvalidInputError, match="shape of the observation"):
        policy.act(np.zeros(shape))


def test_what_is_no_policy_is_refused(tmp_path: Path) -> None:
    """A folder without a run, a file that isn't safetensors, arrays of something else."""
    with pytest.raises(NotFoundError, match="no run in"):
        somersault.load_policy(tmp_path)
    (tmp_path / "policy.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(NotFoundError, match="can't be read as an exported policy"):
        somersault.load_policy(tmp_path)
    with pytest.raises(CorruptDataError, match="not those of a policy"):
        somersault.Policy({"weights.0": np.zeros((1, 2), np.float32)})


def test_policy_of_a_game_acts_in_its_environment(tmp_path: Path) -> None:
    """The stack of pictures that the environment observes is what the policy takes."""
    run = make_run(tmp_path / "runs" / "game", "pong")
    env, policy = somersault.make_env(run), somersault.load_policy(run, seed=0)
    observation, _ = env.reset(seed=0)
    for _ in range(5):
        observation, *_ = env.step(policy.act(observation))
    assert env.observation_space.contains(observation)
