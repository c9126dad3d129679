"""Adam is torch's, bit for bit, without torch's compiler."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import nn

from somersault.numerics.adam import Adam

_LEARN = """
import sys
import numpy as np
import torch
from torch import nn
from services.learner.algorithms.ppo import ppo
from services.reward.training import trainer
from somersault.numerics.adam import Adam

network = nn.Linear(3, 2)
optimiser = Adam(network.parameters(), learning_rate=1e-3)
network(torch.ones(4, 3)).sum().backward()
nn.utils.clip_grad_norm_(network.parameters(), 1.0)
optimiser.step()
print("torch._dynamo" in sys.modules)
"""


def _network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 5), nn.Linear(5, 1))


@pytest.mark.parametrize("weight_decay", [0.0, 0.01])
def test_its_steps_are_torchs_own(weight_decay: float) -> None:
    """Weights and moments are equal after each of ten steps, the first without a gradient for the last layer."""
    ours, theirs = _network(), _network()
    mine = Adam(ours.parameters(), learning_rate=3e-3, epsilon=1e-5, weight_decay=weight_decay)
    kind = torch.optim.AdamW if weight_decay else torch.optim.Adam
    reference = kind(theirs.parameters(), lr=3e-3, eps=1e-5, weight_decay=weight_decay, fused=True)
    inputs = torch.randn(7, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    for number in range(10):
        for network, optimiser in ((ours, mine), (theirs, reference)):
            optimiser.zero_grad()
            outputs = network(inputs) if number else network[:-1](inputs)
            (outputs**2).mean().backward()
            optimiser.step()
        for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            assert torch.equal(one, other)
            assert set(mine.state.get(one, ())) == set(reference.state[other])
            assert all(
                torch.equal(mine.state[one][name], moment) for name, moment in reference.state[other].items()
            )


def test_a_learning_process_has_no_compiler() -> None:
    """It takes about as long to import as everything else, at each start of a learner or reward service."""
    told = subprocess.run([sys.executable, "-c", _LEARN], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False"
