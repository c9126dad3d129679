"""Checks settings of several services in one short process, before anything is made or started.

``python -P -m services.settings_check`` reads one JSON object from standard input: ``flags``, an object of service to its
flags, and ``spec``, the fields of the task's `TaskSpec`. The environment is read as by the services themselves. What
can't be used is one line on standard error, and exit code 2.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence

from somersault.domain.task_spec import TaskSpec
from somersault.errors import ConfigError, SomersaultError
from somersault.formats.strict_json import load_json
from somersault.runtime.config import ServiceConfig, load_config

_SETTINGS = {
    "simulator": ("services.simulator.config", "SimulatorConfig"),
    "learner": ("services.learner.config", "LearnerConfig"),
    "reward": ("services.reward.config", "RewardConfig"),
    "labeler": ("services.labeler.config", "LabelerConfig"),
    "teacher": ("services.teacher.config", "TeacherConfig"),
    "web": ("services.web.config", "WebConfig"),
}


def check(flags_by_service: Mapping[str, Sequence[str]], *, spec: TaskSpec) -> None:
    """Check each service's settings, and what they come to for its task.

    Raises:
        SomersaultError: one can't be used; names the service, the setting, its value and its bounds.
    """
    for service, flags in flags_by_service.items():
        module, name = _SETTINGS[service]
        kind: type[ServiceConfig] = getattr(importlib.import_module(module), name)
        try:
            load_config(kind, flags).check_for(spec)
        except SomersaultError as error:
            raise ConfigError(f"{service}: {error}") from error


def main() -> int:
    """Check what standard input asks for and return the exit code."""
    asked = load_json(sys.stdin.read())
    try:
        check(asked["flags"], spec=TaskSpec(**asked["spec"]))
    except SomersaultError as error:
        sys.stderr.write(f"{' '.join(str(error).split())}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
