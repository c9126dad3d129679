"""Lets the services check the settings that they would get, in one short process, before anything is made."""

from __future__ import annotations

import dataclasses
import subprocess
from collections.abc import Mapping, Sequence

from somersault.domain.task_spec import TaskSpec
from somersault.errors import ConfigError
from somersault.formats.strict_json import dump_json
from somersault.processes.modules import module_command
from somersault.runtime.config import inherited_environment

__all__ = ["check_settings"]

_MODULE = "services.settings_check"
_TIMEOUT_S = 60.0
_BAD_SETTINGS = 2


def check_settings(
    flags_by_service: Mapping[str, Sequence[str]], *, secrets: Mapping[str, str], spec: TaskSpec
) -> None:
    """Check the settings of services before they are started.

    Args:
        flags_by_service: Each service's flags.
        secrets: Environment variables besides those inherited.
        spec: The task's spec.

    Raises:
        ConfigError: a service would refuse one; the text names the service, the setting, its value and its bounds.
    """
    asked = {"flags": flags_by_service, "spec": dataclasses.asdict(spec)}
    try:
        done = subprocess.run(
            module_command(_MODULE),
            input=dump_json(asked),
            env=inherited_environment(secrets),
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ConfigError(f"the settings could not be checked within {_TIMEOUT_S:.0f} s") from error
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["nothing"]
        is_refused = done.returncode == _BAD_SETTINGS
        raise ConfigError(lines[-1] if is_refused else f"the settings could not be checked: {lines[-1]}")
