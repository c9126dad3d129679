"""The ensemble: its arithmetic against numpy, its bytes against damage."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from somersault.errors import CorruptDataError
from somersault.reward_model import RewardEnsemble, RewardModelConfig

_CONFIG = RewardModelConfig(frame_shape=(4,), action_dim=2, num_members=3, hidden_size=8)


def _transitions(*leading: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    observations = rng.normal(size=(*leading, 4)).astype(np.float32)
    return observations, rng.normal(size=(*leading, 2)).astype(np.float32)


def test_each_member_is_its_own_network() -> None:
    """The batched product equals three networks written out in numpy."""
    ensemble = RewardEnsemble(_CONFIG, seed=0)
    observations, actions = _transitions(5, 7)

    predictions = ensemble.predict(observations, actions)

    assert predictions.shape == (3, 5, 7)
    weights = [weight.detach().numpy() for weight in ensemble.network.weights]
    biases = [bias.detach().numpy() for bias in ensemble.network.biases]
    for member in range(3):
        hidden = np.concatenate([observations, actions], axis=-1)
        for layer in range(2):
            hidden = hidden @ weights[layer][member] + biases[layer][member]
            hidden = np.where(hidden > 0, hidden, 0.01 * hidden)
        expected = (hidden @ weights[2][member] + biases[2][member])[..., 0]
        np.testing.assert_allclose(predictions[member], expected, atol=1e-6)


def test_long_batches_are_scored_as_short_ones() -> None:
    """Chunking is invisible: forty thousand transitions score as each alone."""
    ensemble = RewardEnsemble(_CONFIG, seed=0)
    observations, actions = _transitions(40_000)

    predictions = ensemble.predict(observations, actions)

    some = np.array([0, 16_383, 16_384, 39_999])
    alone = ensemble.predict(observations[some], actions[some])
    np.testing.assert_allclose(predictions[:, some], alone, atol=1e-6)


def test_same_seed_gives_the_same_members_and_no_two_alike() -> None:
    """Initialisation is a function of the seed; members differ from each other."""
    first, second = (RewardEnsemble(_CONFIG, seed=5) for _ in range(2))

    assert first.to_bytes() == second.to_bytes()
    assert not torch.equal(first.network.weights[0][0], first.network.weights[0][1])
    assert first.to_bytes() != RewardEnsemble(_CONFIG, seed=6).to_bytes()


def test_encoded_ensemble_predicts_the_same() -> None:
    """Shape and weights survive the bytes."""
    ensemble = RewardEnsemble(_CONFIG, seed=1)
    observations, actions = _transitions(9)

    decoded = RewardEnsemble.from_bytes(ensemble.to_bytes())

    assert decoded.config == _CONFIG
    np.testing.assert_array_equal(
        decoded.predict(observations, actions), ensemble.predict(observations, actions)
    )


def _with_header(data: bytes, **changes: object) -> bytes:
    """Rewrites the ensemble's shape in the header."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    ((key, config),) = header["__metadata__"].items()
    header["__metadata__"] = {key: json.dumps(json.loads(config) | changes)}
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


def _damaged() -> dict[str, bytes]:
    data = RewardEnsemble(_CONFIG, seed=0).to_bytes()
    infinite = bytearray(data)
    infinite[-4:] = np.float32(np.inf).tobytes()
    return {
        "empty": b"",
        "short": data[:-4],
        "long": data + b"0000",
        "huge header": (1 << 40).to_bytes(8, "little") + data[8:],
        "no text": (4).to_bytes(8, "little") + b"\xff\xff\xff\xff",
        "other format": data.replace(b"reward_model.2", b"reward_model.9"),
        "no members": _with_header(data, num_members=0),
        "word for a number": _with_header(data, hidden_size="eight"),
        "huge shape": _with_header(data, hidden_size=10**12),
        "other sizes": _with_header(data, frame_shape=[3], action_dim=4),
        "infinite": bytes(infinite),
        "deep": _with_header(data, num_hidden_layers=10**9),
        "no action": _with_header(data, action_dim=0),
        "cube": _with_header(data, frame_shape=[4, 4, 4]),
        "tiny picture": _with_header(data, frame_shape=[4, 4]),
    }


@pytest.mark.parametrize("damage", sorted(_damaged()))
def test_damaged_bytes_are_refused(damage: str) -> None:
    """Whatever is wrong with the bytes, the error says that the reward model is corrupt."""
    with pytest.raises(CorruptDataError, match="reward model"):
        RewardEnsemble.from_bytes(_damaged()[damage])


def test_wrong_observation_length_is_refused_by_name() -> None:
    """Observations of another task do not fit."""
    with pytest.raises(ValueError, match=r"observations is \(1, 3\), must be \(…, 4\)"):
        RewardEnsemble(_CONFIG, seed=0).predict(np.zeros((1, 3), np.float32), np.zeros((1, 2), np.float32))


def test_choice_enters_as_one_input_of_its_own() -> None:
    """Action 2 of 3 scores as the vector (0, 0, 1) does with the same weights."""
    chosen = RewardEnsemble(RewardModelConfig(frame_shape=(4,), num_actions=3, hidden_size=8), seed=0)
    vector = RewardEnsemble(RewardModelConfig(frame_shape=(4,), action_dim=3, hidden_size=8), seed=0)
    observations, _ = _transitions(5)

    predictions = chosen.predict(observations, np.full(5, 2, np.int32))

    expected = vector.predict(observations, np.tile(np.float32([0, 0, 1]), (5, 1)))
    np.testing.assert_array_equal(predictions, expected)


def test_no_choice_enters_as_none_of_them() -> None:
    """-1, where an environment stands still: the inputs of the choices are all 0."""
    config = RewardModelConfig(frame_shape=(4,), num_actions=3, num_members=2, hidden_size=8)
    ensemble = RewardEnsemble(config, seed=0)
    observations = np.ones((1, 4), np.float32)
    with torch.no_grad():
        ensemble.network.weights[0][:, 4:] += 5  # whatever is chosen adds a lot
        chosen = [ensemble.predict(observations, np.array([choice], np.int32)) for choice in range(3)]
        none = ensemble.predict(observations, np.array([-1], np.int32))
        ensemble.network.weights[0][:, 4:] = 0
        expected = ensemble.predict(observations, np.array([1], np.int32))
    np.testing.assert_allclose(none, expected, atol=1e-6)
    assert all(np.abs(each - none).min() > 0.1 for each in chosen)
