"""Holds docs/protocol.md to the arrays of a reward model and to what they mean, for both kinds of frame."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from somersault.reward_model import RewardEnsemble, RewardModelConfig
from tests.docs.documents import ROOT, code_spans, read

_VECTORS = RewardModelConfig(frame_shape=(2,), action_dim=1)
_PICTURES = RewardModelConfig(frame_shape=(84, 84), num_frames=4, num_actions=6)
_LETTERS = {"K": 3, "H": 64, "I": 3, "F": 4, "P": 7 * 7}


def _told(kind: str) -> dict[str, tuple[int, ...]]:
    """Return the shapes that the page tells where frames are of a kind, its letters filled in."""
    _, _, section = read(ROOT / "docs/protocol.md").text.partition(f"\nWhere frames are {kind}, with ")
    shapes = {}
    for row in section.partition("\nWhere frames")[0].partition("\n## ")[0].splitlines():
        cells = row.strip("|").split("|")
        names, told = (code_spans(cell) for cell in cells[:2]) if len(cells) == 2 else ([], [])
        for number, name in enumerate(names):
            axes = told[number % len(told)][1:-1].split(",")  # one shape may stand for all of a row
            shapes[name] = tuple(math.prod(_length(each) for each in axis.split("*")) for axis in axes)
    return shapes


def _length(factor: str) -> int:
    word = factor.strip()
    return int(word) if word.isdigit() else _LETTERS[word]


@pytest.mark.parametrize(("kind", "config"), [("vectors", _VECTORS), ("pictures", _PICTURES)])
def test_the_arrays_on_the_wire_are_those_of_the_page(kind: str, config: RewardModelConfig) -> None:
    """Names and shapes."""
    arrays = RewardEnsemble(config, seed=0).network.state_dict()
    assert _told(kind) == {name: tuple(array.shape) for name, array in arrays.items()}


def test_the_size_of_three_for_pictures_is_the_pages() -> None:
    """0.78 MB."""
    assert round(len(RewardEnsemble(_PICTURES, seed=0).to_bytes()) / 1e6, 2) == 0.78


def test_the_formula_for_vectors_is_the_pages() -> None:
    """A third party that follows the page predicts what the ensemble predicts."""
    ensemble = RewardEnsemble(_VECTORS, seed=0)
    arrays = {name: array.numpy() for name, array in ensemble.network.state_dict().items()}
    rows = np.linspace(-2, 2, 15, dtype=np.float32).reshape(5, 3)
    hidden = rows[None]
    for layer in range(3):
        hidden = hidden @ arrays[f"weights.{layer}"] + arrays[f"biases.{layer}"]
        hidden = hidden if layer == 2 else np.where(hidden > 0, hidden, 0.01 * hidden)
    np.testing.assert_allclose(ensemble.predict(rows[:, :2], rows[:, 2:]), hidden[..., 0], rtol=1e-4)


def test_the_formula_for_pictures_is_the_pages() -> None:
    """So does one who scores pictures."""
    ensemble = RewardEnsemble(_PICTURES, seed=0)
    pictures = np.random.default_rng(0).integers(0, 256, (5, 4, 84, 84), np.uint8)
    ensemble.network.calibrate(torch.from_numpy(pictures))
    arrays = ensemble.network.state_dict()
    for member, rewards in enumerate(ensemble.predict(pictures, np.zeros(5, np.int32))):
        hidden = torch.from_numpy(pictures) / 255
        for layer, stride in enumerate((3, 2, 1, 1)):
            hidden = functional.conv2d(hidden, arrays[f"filters.{layer}"][member], stride=stride)
            mean, variance, scale, shift = (
                arrays[name][member, layer][:, None, None]
                for name in ("means", "variances", "scales", "shifts")
            )
            hidden = scale * (hidden - mean) / torch.sqrt(variance + 1e-5) + shift
            hidden = functional.leaky_relu(hidden, 0.01)
        units = hidden.reshape(5, -1) @ arrays["weights.0"][member] + arrays["biases.0"][member]
        expected = functional.leaky_relu(units, 0.01) @ arrays["weights.1"][member]
        expected = (expected + arrays["biases.1"][member])[:, 0].numpy()
        np.testing.assert_allclose(rewards, expected, rtol=1e-3, atol=1e-4)
