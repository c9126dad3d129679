"""Features of vectors are what the formula says."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from services.simulator.policy.tanh_torso import TanhTorso
from somersault.domain.task_spec import TaskSpec

ArraysFor = Callable[[TaskSpec], dict[str, np.ndarray]]


def test_features_are_two_tanh_layers_of_the_normalised_observation(
    specs: dict[str, TaskSpec], arrays_for: ArraysFor
) -> None:
    """Equals the formula written out in float64, clipped normalisation included."""
    arrays = arrays_for(specs["vectors to motion"])
    observations = np.random.default_rng(2).normal(0, 20, (5, 11)).astype(np.float32)
    wide = {name: array.astype(np.float64) for name, array in arrays.items()}
    hidden = np.clip((observations - wide["observation_mean"]) / wide["observation_std"], -10, 10)
    assert np.abs(hidden).max() == 10
    for layer in ("hidden_0", "hidden_1"):
        hidden = np.tanh(hidden @ wide[f"{layer}.weight"].T + wide[f"{layer}.bias"])
    np.testing.assert_allclose(TanhTorso(arrays).features(observations), hidden, atol=1e-5)
