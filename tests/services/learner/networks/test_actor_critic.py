"""The networks of every kind of task: what is exported, shared, and drawn from the seed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from services.learner.networks import ActorCritic, build_actor_critic
from somersault.domain.task_spec import TaskSpec
from somersault.errors import InvalidInputError

_TIMING = {"task": "any", "episode_steps": 100, "segment_steps": 10, "step_s": 0.01}
_VECTORS, _PICTURES = {"frame_shape": (5,)}, {"frame_shape": (36, 44), "num_frames": 3}


def _build(*, seed: int = 0, dtype: torch.dtype = torch.float32, **spec: object) -> ActorCritic:
    return build_actor_critic(
        TaskSpec(**_TIMING, **spec), hidden_size=8, initial_log_std=-0.5, dtype=dtype, seed=seed
    )


def _pictures(*, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(256, (4, 3, 36, 44), dtype=torch.uint8, generator=generator)


def test_exported_arrays_give_the_same_mean() -> None:
    """The network written out in numpy from the exported names gives torch's mean."""
    networks = _build(**_VECTORS, action_dim=2)
    observations = np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32)
    arrays = networks.export_policy()

    hidden = np.tanh(observations @ arrays["hidden_0.weight"].T + arrays["hidden_0.bias"])
    hidden = np.tanh(hidden @ arrays["hidden_1.weight"].T + arrays["hidden_1.bias"])
    expected = hidden @ arrays["mean.weight"].T + arrays["mean.bias"]

    with torch.no_grad():
        mean = networks.policy.mean(networks.policy.torso(torch.from_numpy(observations)))
    np.testing.assert_allclose(mean.numpy(), expected, atol=1e-6)
    np.testing.assert_array_equal(arrays["log_std"], np.full(2, -0.5, np.float32))


@pytest.mark.parametrize("frames", [_VECTORS, _PICTURES], ids=["vectors", "pictures"])
@pytest.mark.parametrize("actions", [{"action_dim": 2}, {"num_actions": 4}], ids=["motion", "choice"])
def test_exported_arrays_are_contiguous_copies(frames: dict, actions: dict) -> None:
    """Further training changes none of them, and safetensors can write them as they are."""
    networks = _build(**frames, **actions)
    arrays = networks.export_policy()
    before = {name: array.copy() for name, array in arrays.items()}
    with torch.no_grad():
        for parameter in networks.parameters():
            parameter.add_(1.0)
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, before[name])
        assert array.flags.c_contiguous
        assert array.dtype == np.float32


@pytest.mark.parametrize("frames", [_VECTORS, _PICTURES], ids=["vectors", "pictures"])
def test_same_seed_gives_the_same_weights_whatever_the_global_generator(frames: dict) -> None:
    """Initialisation neither reads nor advances the global generator."""
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = _build(seed=3, **frames, num_actions=4)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    second, other = (_build(seed=seed, **frames, num_actions=4) for seed in (3, 4))

    for name, parameter in first.named_parameters():
        assert torch.equal(parameter, second.get_parameter(name))
    assert not torch.equal(first.policy.logits.weight, other.policy.logits.weight)


def test_vectors_have_two_torsos_and_pictures_share_one() -> None:
    """So a value loss changes a policy over pictures but not one over vectors."""
    vectors, pictures = (_build(**frames, num_actions=4) for frames in (_VECTORS, _PICTURES))
    vectors.values(torch.ones(2, 5)).sum().backward()
    pictures.values(_pictures()).sum().backward()
    assert all(parameter.grad is None for parameter in vectors.policy.parameters())
    assert pictures.policy.torso.conv_0.weight.grad.abs().max() > 0
    names = [name for name, _ in pictures.named_parameters()]
    assert len(names) == len(set(names)) == 8 + 2 + 2  # torso, logits, value


def test_levels_of_pictures_are_scaled_to_0_to_1() -> None:
    """Features of white pictures with a bias of zero are those of weights summed: by torch's own layers in float64."""
    networks = _build(**_PICTURES, num_actions=4)
    torso, pictures = networks.policy.torso, _pictures()
    with torch.no_grad():
        planes = pictures.double() / 255
        for layer, stride in ((torso.conv_0, 4), (torso.conv_1, 2), (torso.conv_2, 1)):
            planes = torch.relu(torch.conv2d(planes, layer.weight.double(), stride=stride))
        rows = planes.permute(0, 2, 3, 1).reshape(4, -1)
        expected = torch.relu(rows @ torso.dense.weight.double().T)
        torch.testing.assert_close(torso(pictures).double(), expected, atol=1e-5, rtol=1e-4)


def test_bfloat16_changes_little_and_trains_float32_weights() -> None:
    """Values within 5% of the largest; weights and gradients stay float32."""
    exact, rough = (
        _build(**_PICTURES, num_actions=4, dtype=dtype) for dtype in (torch.float32, torch.bfloat16)
    )
    values = [networks.values(_pictures()) for networks in (exact, rough)]
    values[1].sum().backward()
    assert not torch.equal(values[0], values[1])
    torch.testing.assert_close(values[1], values[0], atol=0.05 * values[0].abs().max().item(), rtol=0)
    gradient = rough.policy.torso.conv_0.weight.grad
    assert gradient.dtype == torch.float32
    assert gradient.isfinite().all()


def test_pictures_too_small_for_three_convolutions_are_refused() -> None:
    """35 pixels leave nothing after the third."""
    with pytest.raises(InvalidInputError, match="36 x 36"):
        _build(frame_shape=(84, 35), num_frames=4, num_actions=2)
