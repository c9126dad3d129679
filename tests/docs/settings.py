"""Finds the settings class of each service."""

from __future__ import annotations

import importlib

from somersault.cli.services.programs import MODULES
from somersault.runtime.config import ServiceConfig

__all__ = ["settings_of"]


def settings_of(service: str) -> type[ServiceConfig]:
    """Return the one class of settings that a service's ``config.py`` declares."""
    module = importlib.import_module(f"{MODULES[service]}.config")
    kinds = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, ServiceConfig)
        and value.__module__ == module.__name__
    ]
    assert len(kinds) == 1, f"{module.__name__} has {len(kinds)} settings classes"
    return kinds[0]
