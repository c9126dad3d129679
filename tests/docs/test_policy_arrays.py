"""Holds docs/protocol.md to the arrays of a policy and to what they mean, for every kind of task."""

from __future__ import annotations

import re

import numpy as np
import pytest
import safetensors.numpy
import torch

from services.learner.algorithms.ppo.config import PPOConfig
from services.learner.algorithms.ppo.ppo import PPO
from services.learner.networks.observation_normaliser import ObservationNormaliser
from services.simulator.policy import MAX_POLICY_BYTES, Policy
from somersault.domain.packing import numbers_of, with_numbers
from somersault.domain.task_spec import TaskSpec
from tests.docs.documents import ROOT, code_spans, read
from tests.somersault.synthetic_runs import observations_and_actions

_TIMING = {"task": "any", "episode_steps": 100, "segment_steps": 10, "step_s": 0.01}
_VECTORS, _PICTURES = {"frame_shape": (5,)}, {"frame_shape": (84, 84), "num_frames": 4}
_SPECS = {
    "vectors to motion": TaskSpec(**_TIMING, **_VECTORS, action_dim=2),
    "vectors to choice": TaskSpec(**_TIMING, **_VECTORS, num_actions=3),
    "vectors to choices": TaskSpec(**_TIMING, **_VECTORS, choice_sizes=(2, 1)),
    "pictures to motion": TaskSpec(**_TIMING, **_PICTURES, action_dim=2),
    "pictures and numbers to motion": TaskSpec(
        **_TIMING, frame_shape=(84, 84), num_frames=2, num_planes=2, num_numbers=5, action_dim=2
    ),
    "pictures to choice": TaskSpec(**_TIMING, **_PICTURES, num_actions=3),
}


@pytest.fixture(params=_SPECS.values(), ids=_SPECS)
def spec(request: pytest.FixtureRequest) -> TaskSpec:
    """Each kind of task in turn."""
    return request.param


def _told(spec: TaskSpec) -> dict[str, tuple[int, ...]]:
    """Return the shapes that the page tells for a task, its letters filled in."""
    _, _, section = read(ROOT / "docs/protocol.md").text.partition("\n**Policy** (")
    letters = {
        "O": 5,
        "V": spec.num_numbers,
        "F": spec.num_channels,
        "A": 2,
        "C": 3,
        "D": 2,
        "P": 7 * 7,
        "H": 512 if spec.is_image else 64,
    }
    conditions = {
        f"frames are {'pictures' if spec.is_image else 'vectors'}",
        f"actions are {'choices' if spec.is_discrete else 'vectors'}",
        "actions are several choices" if spec.choice_sizes else "",
        "there are numbers beside pictures" if spec.is_image and spec.num_numbers else "",
    }
    shapes = {}
    for row in section.partition("**Reward model**")[0].splitlines():
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        if len(cells) == 3 and cells[2] in conditions:
            for name, shape in zip(code_spans(cells[0]), code_spans(cells[1]), strict=True):
                shapes[name] = tuple(
                    sum(_product(each, letters) for each in axis.split("+"))
                    for axis in shape[1:-1].split(",")
                )
    return shapes


def _normalised(normaliser: ObservationNormaliser, observations: np.ndarray) -> np.ndarray:
    if observations.dtype != np.uint8:
        return normaliser.normalise(observations)
    numbers = numbers_of(observations, num_numbers=normaliser.observation_dim)
    return with_numbers(observations, normaliser.normalise(numbers))


def _product(factors: str, letters: dict[str, int]) -> int:
    words = [word.strip() for word in factors.split("*")]
    return int(np.prod([int(word) if re.fullmatch(r"\d+", word) else letters[word] for word in words]))


def test_the_arrays_of_a_policy_are_those_of_the_page(spec: TaskSpec) -> None:
    """Names and shapes; and the bytes are within what Evaluate takes."""
    arrays = PPO(PPOConfig(), spec=spec, seed=0).export_policy()
    assert {name: array.shape for name, array in arrays.items()} == _told(spec)
    assert len(safetensors.numpy.save(arrays)) < MAX_POLICY_BYTES / 2


def test_a_simulator_acts_with_the_probabilities_that_the_learner_trains(spec: TaskSpec) -> None:
    """The log-probability of each action is the same on both ends of the wire, weights of every layer changed."""
    ppo, rng = PPO(PPOConfig(precision="float32"), spec=spec, seed=0), np.random.default_rng(0)
    with torch.no_grad():
        for parameter in ppo.networks.parameters():
            parameter.add_(0.02 * torch.from_numpy(rng.normal(size=parameter.shape)).float())
    observations, _ = observations_and_actions(spec, 6)
    if ppo.observation_normaliser is not None:
        ppo.observe(observations)
    policy = Policy.from_bytes(safetensors.numpy.save(ppo.export_policy()), spec=spec, precision="float32")
    actions, log_probs = np.empty((6, *spec.action_shape), spec.action_dtype), np.empty(6, np.float32)
    policy.worker().act(observations, policy.draw_noise(rng, (6,)), actions=actions, log_probs=log_probs)
    if ppo.observation_normaliser is not None:
        observations = _normalised(ppo.observation_normaliser, observations)
    with torch.no_grad():
        chosen = torch.from_numpy(actions.astype(np.int64 if spec.is_discrete else np.float32))
        expected, _, _ = ppo.networks(torch.from_numpy(observations), chosen)
    np.testing.assert_allclose(log_probs, expected.numpy(), atol=1e-3)
    assert len(np.unique(log_probs.round(3))) > 1
