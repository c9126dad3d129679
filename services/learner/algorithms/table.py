"""The table of algorithms, and what it adds to the learner's settings.

Another algorithm is a folder beside `ppo`, with a module of its settings (an `AlgorithmConfig`) and one of the algorithm,
and a line in `ALGORITHMS`.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar

import pydantic

from services.learner.algorithms.algorithm import AlgorithmConfig

__all__ = ["ALGORITHMS", "with_algorithms"]

Settings = TypeVar("Settings", bound=pydantic.BaseModel)

ALGORITHMS: Mapping[str, str] = {
    "ppo": "services.learner.algorithms.ppo.config:PPOConfig",
}
"""By name, ``module:class`` of each algorithm's settings. The first is the default."""


def with_algorithms(algorithms: Mapping[str, str] = ALGORITHMS) -> Callable[[type[Settings]], type[Settings]]:
    """Return a class decorator that adds to settings each algorithm's own, under its name, and bounds ``algorithm``."""
    fields: dict[str, Any] = {name: _component(where) for name, where in algorithms.items()}
    names = tuple(algorithms)

    def decorate(settings: type[Settings]) -> type[Settings]:
        choice = settings.model_fields["algorithm"]
        fields["algorithm"] = (
            Literal[names],
            pydantic.Field(default=choice.default, description=choice.description),
        )
        return pydantic.create_model(
            settings.__name__,
            __base__=settings,
            __module__=settings.__module__,
            __doc__=settings.__doc__,
            **fields,
        )

    return decorate


def _component(where: str) -> tuple[type[AlgorithmConfig], Any]:
    config: type[AlgorithmConfig] = pkgutil.resolve_name(where)
    return config, pydantic.Field(default=config(), description=(config.__doc__ or "").partition("\n")[0])
