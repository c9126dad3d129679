"""``somersault serve SERVICE``: one service alone, with its own flags."""

from __future__ import annotations

import os
from collections.abc import Sequence

from somersault.errors import InvalidInputError
from somersault.processes.modules import module_command

__all__ = ["MODULES", "serve"]

MODULES = {
    "simulator": "services.simulator",
    "learner": "services.learner",
    "reward": "services.reward",
    "labeler": "services.labeler",
    "teacher": "services.teacher",
    "web": "services.web",
}
"""The module that runs each service."""


def serve(service: str, arguments: Sequence[str]) -> None:
    """Become the service, so that signals and exit codes are its own.

    Raises:
        InvalidInputError: there is no such service.
    """
    if service not in MODULES:
        raise InvalidInputError("service", service, f"one of {', '.join(MODULES)}")
    command = module_command(MODULES[service], *arguments)
    os.execv(command[0], command)  # noqa: S606 - no shell wanted
