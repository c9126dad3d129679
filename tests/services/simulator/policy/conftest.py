"""What the tests of policies share: tasks of every kind, and arrays drawn for them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from somersault.domain.task_spec import TaskSpec

ArraysFor = Callable[[TaskSpec], dict[str, np.ndarray]]

_WIDTH = 16
_TIMING = {"task": "any", "episode_steps": 100, "segment_steps": 10, "step_s": 0.01}
_VECTORS, _PICTURES = {"frame_shape": (11,)}, {"frame_shape": (44, 36), "num_frames": 3}
_MOTION, _CHOICE = {"action_dim": 3}, {"num_actions": 5}

SPECS = {
    "vectors to motion": TaskSpec(**_TIMING, **_VECTORS, **_MOTION),
    "vectors to choice": TaskSpec(**_TIMING, **_VECTORS, **_CHOICE),
    "pictures to motion": TaskSpec(**_TIMING, **_PICTURES, **_MOTION),
    "pictures to choice": TaskSpec(**_TIMING, **_PICTURES, **_CHOICE),
}


@pytest.fixture(params=SPECS.values(), ids=SPECS)
def spec(request: pytest.FixtureRequest) -> TaskSpec:
    """Each kind of task in turn."""
    return request.param


@pytest.fixture
def specs() -> dict[str, TaskSpec]:
    """All kinds of tasks by name."""
    return SPECS


@pytest.fixture
def arrays_for() -> ArraysFor:
    """Return a function that draws the arrays of a policy for a task; 44 x 36 pixels leave 2 x 1 places after three convolutions."""

    def make(spec: TaskSpec) -> dict[str, np.ndarray]:
        rng = np.random.default_rng(3)

        def layer(name: str, *shape: int, scale: float = 0.3) -> dict[str, np.ndarray]:
            weight, bias = (scale * rng.standard_normal(size) for size in (shape, shape[0]))
            return {f"{name}.weight": weight, f"{name}.bias": bias}

        if spec.is_image:
            torso = layer("conv_0", 32, 3, 8, 8, scale=0.1) | layer("conv_1", 64, 32, 4, 4, scale=0.05)
            torso |= layer("conv_2", 64, 64, 3, 3, scale=0.05) | layer("dense", _WIDTH, 2 * 1 * 64, scale=0.1)
        else:
            torso = layer("hidden_0", _WIDTH, 11) | layer("hidden_1", _WIDTH, _WIDTH)
            torso |= {"observation_mean": rng.normal(size=11), "observation_std": np.exp(rng.normal(size=11))}
        head = layer("logits", 5, _WIDTH) if spec.is_discrete else layer("mean", 3, _WIDTH)
        head |= {} if spec.is_discrete else {"log_std": 0.3 * rng.standard_normal(3)}
        return {name: array.astype(np.float32) for name, array in (torso | head).items()}

    return make
