"""In which numbers networks for pictures are computed: as asked for, whatever the processor can."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from services.learner.algorithms.ppo.config import PPOConfig
from services.learner.algorithms.ppo.ppo import PPO
from services.reward.training.config import PictureTrainerConfig
from services.reward.training.trainer import Trainer
from services.simulator.config import SimulatorConfig
from services.simulator.policy import Policy
from somersault.domain.task_spec import TaskSpec
from somersault.numerics.precision import keep_float32_whole, torch_dtype
from somersault.reward_model import RewardEnsemble, RewardModelConfig

_SPEC = TaskSpec(
    task="pictures",
    frame_shape=(48, 48),
    num_frames=4,
    num_actions=3,
    episode_steps=100,
    segment_steps=10,
    step_s=0.1,
    is_continuing=True,
)
_PICTURES = np.random.default_rng(0).integers(256, size=(6, 4, 48, 48), dtype=np.uint8)
_NO_ACTIONS = np.zeros(6, np.int32)


def _scores() -> np.ndarray:
    return RewardEnsemble(RewardModelConfig.for_task(_SPEC), seed=0).predict(_PICTURES, _NO_ACTIONS)


def _features() -> np.ndarray:
    arrays = PPO(PPOConfig(), spec=_SPEC, seed=0).export_policy()
    actions, log_probs = np.empty(6, np.int32), np.empty(6, np.float32)
    Policy(arrays, spec=_SPEC).worker().act(
        _PICTURES, np.zeros((6, 3), np.float32), actions=actions, log_probs=log_probs
    )
    return log_probs


def _values() -> np.ndarray:
    with torch.no_grad():
        return PPO(PPOConfig(), spec=_SPEC, seed=0).networks.values(torch.from_numpy(_PICTURES)).numpy()


@pytest.mark.parametrize("compute", [_scores, _features, _values])
def test_what_the_processor_can_changes_nothing(
    compute: Callable[[], np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With bfloat16 instructions and without, the same settings give the same bits."""
    results = []
    for has_bfloat16 in (True, False):
        capabilities = {"amx_bf16": has_bfloat16, "avx512_bf16": has_bfloat16}
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda values=capabilities: values)
        results.append(compute())
    np.testing.assert_array_equal(results[0], results[1])


def test_float32_is_what_is_computed_in_unless_asked_otherwise() -> None:
    """Every setting of a service that names a precision, by its default."""
    simulator = SimulatorConfig(task="pong", storage_url="file:///tmp")
    assert {PPOConfig().precision, PictureTrainerConfig().precision, simulator.precision} == {"float32"}


@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_a_precision_is_torchs_type_of_that_name(name: str) -> None:
    """There are two."""
    assert str(torch_dtype(name)) == f"torch.{name}"


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_copy_scores_as_the_trainer_published(precision: str) -> None:
    """Whatever its gradient steps are computed in, a reward version's scores are the same bits in every copy."""
    published = Trainer(
        RewardEnsemble(RewardModelConfig.for_task(_SPEC), seed=0),
        PictureTrainerConfig(precision=precision),
        seed=0,
    ).ensemble
    loss = published(
        _PICTURES, _NO_ACTIONS, noise=np.random.default_rng(0), dtype=torch_dtype(precision)
    ).sum()
    loss.backward()
    copy = RewardEnsemble.from_bytes(published.to_bytes())
    np.testing.assert_array_equal(
        copy.predict(_PICTURES, _NO_ACTIONS), published.predict(_PICTURES, _NO_ACTIONS)
    )


@pytest.mark.parametrize("acting", ["float32", "bfloat16"])
@pytest.mark.parametrize("learning", ["float32", "bfloat16"])
def test_the_learner_starts_from_the_probabilities_that_were_acted_with(acting: str, learning: str) -> None:
    """Ratios begin at 1: within 1% where a side rounds, a twentieth of what the clipped objective allows.

    What is recorded is how likely the policy that acted was to do so, so the ratio is the right weight even then.
    """
    ppo = PPO(PPOConfig(precision=learning), spec=_SPEC, seed=0)
    with torch.no_grad():
        for parameter in ppo.networks.parameters():
            parameter.add_(0.02 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    policy = Policy(ppo.export_policy(), spec=_SPEC, precision=acting)
    actions, log_probs = np.empty(6, np.int32), np.empty(6, np.float32)
    noise = policy.draw_noise(np.random.default_rng(0), (6,))
    policy.worker().act(_PICTURES, noise, actions=actions, log_probs=log_probs)
    with torch.no_grad():
        again, _, _ = ppo.networks(torch.from_numpy(_PICTURES), torch.from_numpy(actions.astype(np.int64)))
    ratios = np.exp(again.numpy() - log_probs)
    is_rounded = "bfloat16" in (acting, learning)
    np.testing.assert_allclose(ratios, 1, atol=0.01 if is_rounded else 1e-4)
    assert len(np.unique(log_probs.round(3))) > 1


def test_float32_on_a_gpu_is_not_rounded_to_tf32(monkeypatch: pytest.MonkeyPatch) -> None:
    """By default torch lets cuDNN round each factor to 10 bits."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    keep_float32_whole()
    assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cuda.matmul.allow_tf32
