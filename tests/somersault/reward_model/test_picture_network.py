"""Reward predictors for pictures, against torch's own layers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from somersault.errors import CorruptDataError
from somersault.reward_model import RewardEnsemble, RewardModelConfig
from somersault.reward_model.picture_network import PictureNetwork, _drop

_CONFIG = RewardModelConfig(frame_shape=(48, 50), num_frames=2, num_actions=3, num_members=2, hidden_size=8)


def _frames(*leading: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (*leading, 48, 50), np.uint8)


def _layers(network: PictureNetwork, member: int) -> nn.Sequential:
    """Return one member built of torch's own layers, for pixels of 0 to 1, without dropout."""
    layers: list[nn.Module] = []
    channels = 2
    for layer, (kernel, stride) in enumerate(((7, 3), (5, 2), (3, 1), (3, 1))):
        convolution = nn.Conv2d(channels, 16, kernel, stride, bias=False)
        convolution.weight.data = network.filters[layer][member].detach()
        normalisation = nn.BatchNorm2d(16)
        normalisation.weight.data = network.scales[member, layer].detach()
        normalisation.bias.data = network.shifts[member, layer].detach()
        normalisation.running_mean = network.means[member, layer]
        normalisation.running_var = network.variances[member, layer]
        layers += [convolution, normalisation, nn.LeakyReLU(0.01)]
        channels = 16
    first, second = nn.Linear(16, 8), nn.Linear(8, 1)
    for layer, dense in enumerate((first, second)):
        dense.weight.data = network.weights[layer][member].detach().T
        dense.bias.data = network.biases[layer][member, 0].detach()
    return nn.Sequential(*layers, nn.Flatten(), first, nn.LeakyReLU(0.01), second)


def _network(seed: int = 0) -> PictureNetwork:
    """Return a network none of whose arrays still has its initial values."""
    network = PictureNetwork(_CONFIG, seed=seed)
    generator = torch.Generator().manual_seed(1)
    for array in (network.scales, network.shifts, network.means, network.variances, *network.biases):
        array.data.uniform_(0.5, 1.5, generator=generator)
    return network


@torch.no_grad()
def test_each_member_is_the_papers_network() -> None:
    """Four convolutions, each normalised by the kept statistics, and two dense layers, on pixels divided by 255."""
    network, pictures = _network(), torch.from_numpy(_frames(6, 2))

    rewards = network(pictures)

    assert rewards.shape == (2, 6)
    for member in range(2):
        expected = _layers(network, member).eval()(pictures / 255.0)[:, 0]
        torch.testing.assert_close(rewards[member], expected, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_what_it_was_calibrated_on_is_scored_as_normalised_by_itself() -> None:
    """After calibration the kept statistics are those of the batch, in every layer."""
    network, pictures = _network(), torch.from_numpy(_frames(6, 2))

    network.calibrate(pictures)
    rewards = network(pictures)

    for member in range(2):
        expected = _layers(network, member).train()(pictures / 255.0)[:, 0]  # changes the kept statistics
        torch.testing.assert_close(rewards[member], expected, rtol=1e-3, atol=1e-4)


def test_training_draws_from_the_noise_it_is_given_alone() -> None:
    """The same seed gives the same step whatever the global generator did; another seed another."""
    network, pictures = _network(), torch.from_numpy(_frames(6, 2))
    rewards = []
    for number, seed in enumerate((4, 4, 5)):
        torch.manual_seed(number)
        rewards.append(network(pictures, noise=np.random.default_rng(seed)).detach())

    torch.testing.assert_close(rewards[0], rewards[1], rtol=0, atol=0)
    assert (rewards[0] - rewards[2]).abs().max() > 1e-3


def test_dropout_keeps_half_and_doubles_it() -> None:
    """Each activation is 0 or twice itself; of 30,720 half are kept, within six standard deviations of 0.0029."""
    dropped = _drop(torch.ones(10, 16, 12, 16), np.random.default_rng(0))

    assert set(dropped.unique().tolist()) == {0.0, 2.0}
    assert abs(float((dropped > 0).float().mean()) - 0.5) < 0.0171


def test_a_training_step_in_bfloat16_is_nearly_the_same_step() -> None:
    """Half as many digits change predictions by less than a tenth of their spread; gradients and weights are float32."""
    pictures = torch.from_numpy(_frames(12, 2))
    networks, predictions = (_network(), _network()), []
    for network, dtype in zip(networks, (torch.float32, torch.bfloat16), strict=True):
        predictions.append(network(pictures, noise=np.random.default_rng(0), dtype=dtype))
        predictions[-1].sum().backward()

    expected, rewards = (each.detach() for each in predictions)
    assert rewards.dtype == torch.float32
    assert not torch.equal(expected, rewards)
    assert float((rewards - expected).abs().mean() / expected.std()) < 0.1
    for exact, rough in zip(networks[0].parameters(), networks[1].parameters(), strict=True):
        assert rough.grad.dtype == torch.float32
        assert torch.nn.functional.cosine_similarity(exact.grad.ravel(), rough.grad.ravel(), dim=0) > 0.98


@torch.no_grad()
def test_scores_are_float32_whatever_a_training_step_is_computed_in() -> None:
    """They are published: the same bits however the process that scores was set up."""
    network, pictures = _network(), torch.from_numpy(_frames(6, 2))
    torch.testing.assert_close(network(pictures, dtype=torch.bfloat16), network(pictures), rtol=0, atol=0)


def test_frames_held_once_are_scored_as_stacks() -> None:
    """Step t of a rollout is frames t and t + 1; every third step can be scored alone."""
    ensemble = RewardEnsemble(_CONFIG, seed=0)
    frames, actions = _frames(71, 2), np.zeros((70, 2), np.int32)
    stacks = np.stack([frames[:-1], frames[1:]], axis=2)

    rewards = ensemble.predict_steps(frames, actions)
    some = ensemble.predict_steps(frames, actions, steps=slice(1, None, 3))

    assert rewards.shape == (2, 70, 2)
    np.testing.assert_allclose(rewards, ensemble.predict(stacks, actions), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(some, rewards[:, 1::3], rtol=1e-4, atol=1e-6)


def test_segments_may_have_steps_on_another_axis() -> None:
    """Segments ``[S, L + F - 1, …]`` score as the rollout ``[L + F - 1, S, …]`` of the same frames."""
    ensemble = RewardEnsemble(_CONFIG, seed=0)
    frames, actions = _frames(6, 3), np.zeros((5, 3), np.int32)

    rewards = ensemble.predict_steps(np.swapaxes(frames, 0, 1), actions.T, axis=1)

    np.testing.assert_allclose(
        rewards, np.swapaxes(ensemble.predict_steps(frames, actions), 1, 2), rtol=1e-4, atol=1e-6
    )


def test_statistics_go_with_the_weights() -> None:
    """A decoded ensemble predicts the same to the bit, and encodes to the same bytes."""
    ensemble = RewardEnsemble(_CONFIG, seed=0)
    frames, actions = _frames(5), np.zeros(4, np.int32)
    ensemble.network.calibrate(torch.from_numpy(np.array(ensemble.stacks(frames, axis=0))))

    decoded = RewardEnsemble.from_bytes(ensemble.to_bytes())

    np.testing.assert_array_equal(
        decoded.predict_steps(frames, actions), ensemble.predict_steps(frames, actions)
    )
    assert decoded.to_bytes() == ensemble.to_bytes()


def test_negative_variance_is_refused() -> None:
    """Its root would make every prediction not a number."""
    ensemble = RewardEnsemble(_CONFIG, seed=0)
    ensemble.network.variances[1, 2, 3] = -1e-3

    with pytest.raises(CorruptDataError, match="variances holds values below 0"):
        RewardEnsemble.from_bytes(ensemble.to_bytes())


def test_least_picture_is_43_pixels_a_side() -> None:
    """43 pixels become 13, 5, 3 and 1; of 42 the last convolution finds none."""
    for side in (43, 42):
        config = RewardModelConfig(frame_shape=(43, side), num_frames=1, num_actions=2)
        if side == 43:
            assert PictureNetwork.array_shapes(config)["weights.0"] == (3, 16, 64)
            continue
        with pytest.raises(ValueError, match=r"\(43, 42\), must be at least \(43, 43\)"):
            RewardEnsemble(config, seed=0)
