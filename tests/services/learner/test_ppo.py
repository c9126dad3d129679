"""Proximal policy optimisation: the objective by hand, the algorithm on a task with a known end."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from services.learner.ppo import PPO, PPOConfig, clipped_objective
from somersault.errors import CorruptDataError
from somersault.types import Rollout

_CONFIG = PPOConfig(hidden_size=16, minibatch_size=64, num_epochs=4, learning_rate=3e-3)


def _rollout(ppo: PPO, *, sequence: int, num_steps: int = 32, num_environments: int = 8) -> Rollout:
    """Draws observations at random and acts on them; every eighth step ends an episode."""
    rng = np.random.default_rng((7, sequence))
    observations = rng.normal(size=(num_steps, num_environments, 3)).astype(np.float32)
    noise = rng.normal(size=(num_steps, num_environments, 2)).astype(np.float32)
    with torch.no_grad():
        normalised = torch.from_numpy(ppo.observation_normaliser.normalise(observations))
        actions = ppo.policy(normalised) + ppo.policy.log_std.exp() * torch.from_numpy(noise)
        log_probs = ppo.policy.log_prob(normalised, actions)
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


def _rewards(rollout: Rollout) -> np.ndarray:
    """Rewards actions near (0.5, first observation)."""
    wanted = np.stack([np.full(rollout.log_probs.shape, 0.5), rollout.observations[..., 0]], -1)
    return -np.square(rollout.actions - wanted).sum(-1).astype(np.float32)


def _ppo(config: PPOConfig = _CONFIG, seed: int = 0) -> PPO:
    return PPO(config, observation_dim=3, action_dim=2, seed=seed)


def test_objective_is_clipped_only_where_clipping_is_pessimistic() -> None:
    """Ratios 1.5, 1.5, 0.5, 0.5 with advantages 1, -1, 1, -1: by hand 1.2, -1.5, 0.5, -0.8."""
    log_ratio = torch.log(torch.tensor([1.5, 1.5, 0.5, 0.5]))
    advantages = torch.tensor([1.0, -1.0, 1.0, -1.0])

    loss, ratio = clipped_objective(log_ratio, advantages, clip_ratio=0.2)

    assert loss.item() == pytest.approx(-(1.2 - 1.5 + 0.5 - 0.8) / 4)
    torch.testing.assert_close(ratio, torch.tensor([1.5, 1.5, 0.5, 0.5]))


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


def test_restored_learner_goes_on_exactly() -> None:
    """A checkpoint between two improvements changes no bit of the second."""
    whole, restored = _ppo(seed=5), _ppo(seed=6)
    first = _rollout(whole, sequence=0)
    whole.improve(first, _rewards(first))

    restored.load_state_dict(whole.state_dict())
    second = _rollout(whole, sequence=1)
    statistics = [ppo.improve(second, _rewards(second)) for ppo in (whole, restored)]

    assert statistics[0] == statistics[1]
    for name, array in whole.state_dict().items():
        np.testing.assert_array_equal(array, restored.state_dict()[name])


def test_checkpoint_holds_plain_arrays_that_are_copies() -> None:
    """What was saved does not change with later improvements."""
    ppo = _ppo()
    saved = ppo.state_dict()
    before = saved["networks.policy.mean.weight"].copy()

    rollout = _rollout(ppo, sequence=0)
    ppo.improve(rollout, _rewards(rollout))

    np.testing.assert_array_equal(saved["networks.policy.mean.weight"], before)
    assert all(isinstance(array, np.ndarray) for array in saved.values())


@pytest.mark.parametrize("change", ["missing", "reshaped"])
def test_damaged_checkpoint_is_refused(change: str) -> None:
    """An absent array or one of another shape is an error that names the checkpoint."""
    arrays = _ppo().state_dict()
    name = "networks.value.value.weight"
    if change == "missing":
        del arrays[name]
    else:
        arrays[name] = arrays[name][:, :3]

    with pytest.raises(CorruptDataError, match="learner checkpoint"):
        _ppo().load_state_dict(arrays)


def test_kl_bound_stops_the_passes() -> None:
    """With a bound of almost nothing one pass is made: 256 transitions in steps of 64."""
    ppo = _ppo(dataclasses.replace(_CONFIG, target_kl=1e-9))
    rollout = _rollout(ppo, sequence=0)

    statistics = ppo.improve(rollout, _rewards(rollout))

    assert statistics.num_gradient_steps == 4


def test_observing_moves_the_normaliser_and_nothing_else() -> None:
    """Before there is a reward, only the moments of observations change."""
    ppo = _ppo()
    before = ppo.state_dict()

    ppo.observe(_rollout(ppo, sequence=0).observations)

    changed = {name for name, a in ppo.state_dict().items() if not np.array_equal(a, before[name])}
    moments = ("count", "mean", "sum_squares")
    assert changed == {f"observation_normaliser.{moment}" for moment in moments}
