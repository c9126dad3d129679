"""Which device PPO computes on."""

from __future__ import annotations

import pytest
import torch

from services.learner.algorithms.ppo.config import PPOConfig
from somersault.domain.task_spec import TaskSpec
from somersault.errors import ConfigError

_TIMING = {"task": "any", "episode_steps": 100, "segment_steps": 10, "step_s": 0.01, "num_actions": 2}
_VECTORS = TaskSpec(**_TIMING, frame_shape=(3,))
_PICTURES = TaskSpec(**_TIMING, frame_shape=(84, 84), num_frames=4)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_auto_is_the_cpu_and_asking_for_one_is_an_error() -> None:
    """No silent fallback: whoever names the GPU gets it or an error."""
    assert PPOConfig().choose_device(_PICTURES) == "cpu"
    with pytest.raises(ConfigError, match=r"ppo\.device is .cuda."):
        PPOConfig(device="cuda").choose_device(_PICTURES)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_with_a_gpu_auto_takes_it_for_pictures_alone() -> None:
    """A network over vectors is too small for it."""
    assert PPOConfig().choose_device(_PICTURES) == "cuda"
    assert PPOConfig().choose_device(_VECTORS) == "cpu"
    assert PPOConfig(device="cpu").choose_device(_PICTURES) == "cpu"
