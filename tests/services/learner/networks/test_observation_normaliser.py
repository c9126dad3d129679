"""Running moments of observations."""

from __future__ import annotations

import numpy as np

from services.learner.networks.observation_normaliser import ObservationNormaliser


def test_pieces_give_the_moments_of_the_whole() -> None:
    """Mean and std after three updates are those of all rows at once."""
    rows = np.random.default_rng(0).normal(5.0, 3.0, size=(90, 4)).astype(np.float32)
    normaliser = ObservationNormaliser(observation_dim=4)

    for piece in np.split(rows, [7, 40]):
        normaliser.update(piece)

    np.testing.assert_allclose(normaliser.mean, rows.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(normaliser.std, rows.std(axis=0), rtol=1e-5)


def test_new_normaliser_changes_nothing() -> None:
    """Before the first update observations are returned as they are."""
    observations = np.array([[0.5, -3.0]], np.float32)

    normalised = ObservationNormaliser(observation_dim=2).normalise(observations)

    np.testing.assert_array_equal(normalised, observations)


def test_far_observations_are_clipped_at_ten() -> None:
    """Anything more than ten standard deviations away is cut to ten."""
    normaliser = ObservationNormaliser(observation_dim=1)
    normaliser.update(np.array([[-1.0], [1.0]], np.float32))

    normalised = normaliser.normalise(np.array([[500.0], [-500.0], [3.0]], np.float32))

    np.testing.assert_allclose(normalised, [[10.0], [-10.0], [3.0]])


def test_constant_observation_stays_finite() -> None:
    """An observation that never varied is scaled by the least std, not by zero."""
    normaliser = ObservationNormaliser(observation_dim=1)
    normaliser.update(np.full((8, 1), 2.0, np.float32))

    normalised = normaliser.normalise(np.array([[2.01]], np.float32))

    np.testing.assert_allclose(normalised, [[1.0]], rtol=1e-4)


def test_restored_normaliser_goes_on_exactly() -> None:
    """A checkpoint in between changes nothing about the result."""
    rng = np.random.default_rng(1)
    first, second = rng.normal(size=(2, 10, 3)).astype(np.float32)
    whole, restored = (ObservationNormaliser(observation_dim=3) for _ in range(2))
    whole.update(first)

    restored.load_state_dict(whole.state_dict())
    for normaliser in (whole, restored):
        normaliser.update(second)

    np.testing.assert_array_equal(restored.mean, whole.mean)
    np.testing.assert_array_equal(restored.std, whole.std)
