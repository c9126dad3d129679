"""Teaches agents from human judgement. What is named here is the public Python API; docs/python.md shows its use.

Names are loaded when they are first used: importing the package alone takes no time.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from somersault.api.labels import read_labels
    from somersault.api.policy import Policy, load_policy
    from somersault.api.reward_model import RewardModel, load_reward_model
    from somersault.api.reward_wrapper import RewardWrapper
    from somersault.environments.factory import make_env
    from somersault.runs import Run, find_runs, load_run

__all__ = [
    "Policy",
    "RewardModel",
    "RewardWrapper",
    "Run",
    "find_runs",
    "load_policy",
    "load_reward_model",
    "load_run",
    "make_env",
    "read_labels",
]

_HOMES = {
    "Policy": "somersault.api.policy",
    "RewardModel": "somersault.api.reward_model",
    "RewardWrapper": "somersault.api.reward_wrapper",
    "Run": "somersault.runs",
    "find_runs": "somersault.runs",
    "load_policy": "somersault.api.policy",
    "load_reward_model": "somersault.api.reward_model",
    "load_run": "somersault.runs",
    "make_env": "somersault.environments.factory",
    "read_labels": "somersault.api.labels",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'somersault' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
