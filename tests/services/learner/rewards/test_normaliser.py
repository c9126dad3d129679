"""From predictions to the rewards that the policy is improved on."""

from __future__ import annotations

import numpy as np

from services.learner.rewards.normaliser import normalise_rewards


def test_members_are_standardised_before_they_are_averaged() -> None:
    """A member whose predictions are a thousand times larger counts the same: by hand (±1 ± 1) / 2."""
    quiet = np.array([[-1.0, 1.0], [-1.0, 1.0]], np.float32)
    loud = np.array([[-1000.0, -1000.0], [1000.0, 1000.0]], np.float32) + 500.0

    rewards = normalise_rewards(np.stack([quiet, loud]))

    np.testing.assert_allclose(rewards, [[-1.0, 0.0], [0.0, 1.0]], atol=1e-6)


def test_indifferent_ensemble_gives_no_reward() -> None:
    """Members that predict the same for every transition give zero everywhere."""
    rewards = normalise_rewards(np.full((3, 4, 2), 7.0, np.float32))

    np.testing.assert_array_equal(rewards, np.zeros((4, 2)))
