"""Proximal policy optimisation: learning on tasks with a known end, restoring, and numbers that stay."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from services.learner.algorithms.ppo.config import PPOConfig
from services.learner.algorithms.ppo.ppo import PPO
from somersault.domain.task_spec import TaskSpec
from somersault.domain.trajectory import Rollout
from somersault.errors import CorruptDataError

_CONFIG = PPOConfig(hidden_size=16, minibatch_size=64, num_epochs=4, learning_rate=3e-3)
_TIMING = {"task": "any", "episode_steps": 8, "segment_steps": 4, "step_s": 0.01}
_VECTORS, _PICTURES = {"frame_shape": (3,)}, {"frame_shape": (36, 36), "num_frames": 3}
_SPECS = {
    "vectors to motion": TaskSpec(**_TIMING, **_VECTORS, action_dim=2),
    "vectors to choice": TaskSpec(**_TIMING, **_VECTORS, num_actions=3),
    "pictures to motion": TaskSpec(**_TIMING, **_PICTURES, action_dim=2),
    "pictures to choice": TaskSpec(**_TIMING, **_PICTURES, num_actions=3),
}
_MOTION = _SPECS["vectors to motion"]
_LAYERS, _PARTS = ("torso.hidden_0", "torso.hidden_1"), ("weight", "bias")


@pytest.fixture(params=_SPECS.values(), ids=_SPECS)
def spec(request: pytest.FixtureRequest) -> TaskSpec:
    """Each kind of task in turn."""
    return request.param


def _rollout(ppo: PPO, *, sequence: int, num_steps: int = 32, num_environments: int = 8) -> Rollout:
    """Draw observations at random and act on them; every eighth step ends an episode."""
    rng = np.random.default_rng((7, sequence))
    observations = rng.normal(size=(num_steps, num_environments, 3)).astype(np.float32)
    noise = rng.normal(size=(num_steps, num_environments, 2)).astype(np.float32)
    with torch.no_grad():
        normalised = torch.from_numpy(ppo.observation_normaliser.normalise(observations))
        policy = ppo.networks.policy
        features = policy.torso(normalised)
        actions = policy.mean(features) + policy.log_std.exp() * torch.from_numpy(noise)
        log_probs, _ = policy.log_prob_and_entropy(features, actions)
    is_truncated = np.zeros((num_steps, num_environments), np.bool_)
    is_truncated[7::8] = True
    return Rollout(
        sequence=sequence,
        policy_version=sequence,
        observations=observations,
        actions=actions.numpy(),
        log_probs=log_probs.numpy(),
        is_truncated=is_truncated,
        final_observations=np.zeros((int(is_truncated.sum()), 3), np.float32),
        next_observations=np.zeros((num_environments, 3), np.float32),
    )


def _random_rollout(spec: TaskSpec, *, rng: np.random.Generator, num_steps: int = 16) -> Rollout:
    """Draw a rollout of any kind at random; read-only, like one that came over the wire."""

    def frames(*shape: int) -> np.ndarray:
        drawn = rng.integers(256, size=(*shape, *spec.frame_shape)).astype(spec.frame_dtype)
        drawn.flags.writeable = False
        return drawn

    steps, is_truncated = (num_steps, 4), np.zeros((num_steps, 4), np.bool_)
    is_truncated[7::8] = True
    choices = rng.integers(3, size=steps, dtype=np.int32)
    actions = choices if spec.is_discrete else rng.normal(size=(*steps, 2)).astype(np.float32)
    log_probs = np.full(steps, -1.1, np.float32)
    actions.flags.writeable = log_probs.flags.writeable = False
    return Rollout(
        sequence=0,
        policy_version=0,
        observations=frames(num_steps + spec.num_frames - 1, 4),
        actions=actions,
        log_probs=log_probs,
        is_truncated=is_truncated,
        final_observations=frames(int(is_truncated.sum())),
        next_observations=frames(4),
    )


def _rewards(rollout: Rollout) -> np.ndarray:
    """Reward actions near (0.5, first observation)."""
    wanted = np.stack([np.full(rollout.log_probs.shape, 0.5), rollout.observations[..., 0]], -1)
    return -np.square(rollout.actions - wanted).sum(-1).astype(np.float32)


def _ppo(config: PPOConfig = _CONFIG, seed: int = 0) -> PPO:
    return PPO(config, spec=_MOTION, seed=seed)


def test_policy_comes_to_do_what_is_rewarded() -> None:
    """Sixty improvements bring the mean squared distance from above 1.5 to under 0.6."""
    ppo = _ppo(dataclasses.replace(_CONFIG, discount=0.0))
    before = _rewards(_rollout(ppo, sequence=0)).mean()

    for sequence in range(60):
        rollout = _rollout(ppo, sequence=sequence)
        ppo.improve(rollout, _rewards(rollout))

    after = _rewards(_rollout(ppo, sequence=100)).mean()
    assert before < -1.5
    assert after > -0.6


def test_restored_learner_goes_on_exactly(spec: TaskSpec) -> None:
    """A checkpoint between two improvements changes no bit of the second, for any kind of task."""
    config, rng = dataclasses.replace(_CONFIG, num_epochs=2), np.random.default_rng(0)
    whole, restored = PPO(config, spec=spec, seed=5), PPO(config, spec=spec, seed=6)
    first, second = _random_rollout(spec, rng=rng), _random_rollout(spec, rng=rng)
    rewards = rng.normal(size=(2, 16, 4)).astype(np.float32)
    whole.improve(first, rewards[0])

    restored.load_state_dict(whole.state_dict())
    statistics = [ppo.improve(second, rewards[1]) for ppo in (whole, restored)]

    assert statistics[0] == statistics[1]
    for name, array in whole.state_dict().items():
        np.testing.assert_array_equal(array, restored.state_dict()[name])
    exported = [ppo.export_policy() for ppo in (whole, restored)]
    for name, array in exported[0].items():
        np.testing.assert_array_equal(array, exported[1][name])


def test_checkpoint_holds_plain_arrays_that_are_copies() -> None:
    """What was saved does not change with later improvements."""
    ppo = _ppo()
    saved = ppo.state_dict()
    before = saved["networks.policy.mean.weight"].copy()

    rollout = _rollout(ppo, sequence=0)
    ppo.improve(rollout, _rewards(rollout))

    np.testing.assert_array_equal(saved["networks.policy.mean.weight"], before)
    assert all(isinstance(array, np.ndarray) for array in saved.values())


def test_names_in_a_checkpoint_stay() -> None:
    """Runs made by earlier versions are resumed."""
    ppo = _ppo()
    rollout = _rollout(ppo, sequence=0)
    ppo.improve(rollout, _rewards(rollout))
    policy = ["log_std", *(f"{layer}.{part}" for layer in (*_LAYERS, "mean") for part in _PARTS)]
    value = [f"{layer}.{part}" for layer in (*_LAYERS, "value") for part in _PARTS]
    parameters = [f"policy.{name}" for name in policy] + [f"value.{name}" for name in value]
    moments = [f"{name}.{moment}" for name in parameters for moment in ("step", "exp_avg", "exp_avg_sq")]
    assert sorted(ppo.state_dict()) == sorted(
        [
            "seed",
            "num_improvements",
            *(f"observation_normaliser.{name}" for name in ("count", "mean", "sum_squares")),
            *(f"networks.{name}" for name in parameters),
            *(f"optimiser.{name}" for name in moments),
        ]
    )


@pytest.mark.parametrize("change", ["missing", "reshaped"])
def test_damaged_checkpoint_is_refused(change: str) -> None:
    """A missing array or one of the wrong shape is an error that names the checkpoint."""
    arrays = _ppo().state_dict()
    name = "networks.value.value.weight"
    if change == "missing":
        del arrays[name]
    else:
        arrays[name] = arrays[name][:, :3]

    with pytest.raises(CorruptDataError, match="learner checkpoint"):
        _ppo().load_state_dict(arrays)


def test_kl_bound_stops_the_passes() -> None:
    """With a bound of almost zero, one pass is made: 256 transitions in steps of 64."""
    ppo = _ppo(dataclasses.replace(_CONFIG, target_kl=1e-9))
    rollout = _rollout(ppo, sequence=0)

    statistics = ppo.improve(rollout, _rewards(rollout))

    assert statistics["num_gradient_steps"] == 4


def test_numbers_of_a_seed_stay() -> None:
    """Two improvements of a policy over vectors give the numbers that they always gave."""
    ppo, rng = _ppo(), np.random.default_rng(0)
    for _ in range(2):
        is_truncated = np.zeros((32, 8), np.bool_)
        is_truncated[7::8] = True
        observations, actions, log_probs, final, following, rewards = (
            rng.normal(size=shape).astype(np.float32)
            for shape in ((32, 8, 3), (32, 8, 2), (32, 8), (32, 3), (8, 3), (32, 8))
        )
        rollout = Rollout(
            sequence=0,
            policy_version=0,
            observations=observations,
            actions=actions,
            log_probs=log_probs * np.float32(0.1) - np.float32(3),
            is_truncated=is_truncated,
            final_observations=final,
            next_observations=following,
        )
        statistics = ppo.improve(rollout, rewards)
    assert statistics["policy_loss"] == pytest.approx(0.269725, rel=1e-3)
    assert statistics["value_loss"] == pytest.approx(3.530796, rel=1e-3)
    assert statistics["approximate_kl"] == pytest.approx(0.347993, rel=1e-3)
    sums = {name: np.abs(array).sum() for name, array in ppo.export_policy().items()}
    assert sums["hidden_1.weight"] == pytest.approx(75.430903, rel=1e-4)
    assert sums["log_std"] == pytest.approx(0.190484, rel=1e-3)


def test_observing_moves_the_normaliser_and_nothing_else() -> None:
    """Before there is a reward, only the moments of observations change."""
    ppo = _ppo()
    before = ppo.state_dict()

    ppo.observe(_rollout(ppo, sequence=0).observations)

    changed = {name for name, a in ppo.state_dict().items() if not np.array_equal(a, before[name])}
    moments = ("count", "mean", "sum_squares")
    assert changed == {f"observation_normaliser.{moment}" for moment in moments}


def test_pictures_are_not_normalised() -> None:
    """Levels are bounded already: observing changes nothing, and the policy on the wire has no moments."""
    spec = _SPECS["pictures to choice"]
    ppo = PPO(_CONFIG, spec=spec, seed=0)
    before = ppo.state_dict()
    ppo.observe(_random_rollout(spec, rng=np.random.default_rng(0)).observations)
    after = ppo.state_dict()
    assert all(np.array_equal(after[name], array) for name, array in before.items())
    assert "observation_mean" not in ppo.export_policy()


def test_minibatches_of_pictures_bound_the_values_computed_at_once() -> None:
    """Advantages do not depend on how many pictures are looked at together, up to rounding."""
    spec, rng = _SPECS["pictures to choice"], np.random.default_rng(0)
    rollout = _random_rollout(spec, rng=rng)
    rewards = rng.normal(size=(16, 4)).astype(np.float32)
    variances = [
        PPO(dataclasses.replace(_CONFIG, minibatch_size=size), spec=spec, seed=0).improve(rollout, rewards)[
            "explained_variance"
        ]
        for size in (7, 64)
    ]
    assert variances[0] == pytest.approx(variances[1], abs=1e-4)
