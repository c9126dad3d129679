"""Every check that can be made before anything of a run is made or started, cheap ones first.

A refusal here leaves no folder, object or process behind. Further checks belong here too; only the folder's place and the
task itself are checked earlier, before there are settings.
"""

from __future__ import annotations

import asyncio

from somersault.cli.run.config import RunConfig
from somersault.cli.run.folder import RunFolder
from somersault.cli.run.store import open_run_store
from somersault.cli.services.ports import check_web_address
from somersault.cli.services.processes import flags_of_services, names_of_services
from somersault.cli.services.secrets import secrets_to_check
from somersault.cli.start.budgets import check_budget
from somersault.cli.start.settings_check import check_settings
from somersault.environments.early_ends import ask_for_early_ends
from somersault.runtime.probes import check_drawing
from somersault.tasks import GymnasiumEnvironment, MujocoEnvironment, Task
from somersault.tasks.gymnasium import uses_mujoco

__all__ = ["check_run"]


def check_run(config: RunConfig, folder: RunFolder, task: Task) -> None:
    """Check a run that is about to begin or resume.

    Args:
        config: Its settings.
        folder: Its folder; a new run's doesn't exist yet.
        task: Its task, already checked by itself.

    Raises:
        SomersaultError: something can't be used; the text says what, and what would work.
    """
    if not isinstance(task.environment, GymnasiumEnvironment):
        check_budget(config, task)
    if config.has_web:
        check_web_address(config.web_host, config.web_port)
    _check_settings(config, folder, task)
    if config.storage_url != folder.storage_url:  # a new run's own folder is not there yet
        open_run_store(config)
    if isinstance(task.environment, GymnasiumEnvironment):
        check_budget(config, task, early_end_steps=ask_for_early_ends(config.task))
    asyncio.run(_check_drawing(task))


def _check_settings(config: RunConfig, folder: RunFolder, task: Task) -> None:
    names = names_of_services(config)
    # Which ports are free is found where they are started.
    ports = {name: config.web_port if name == "web" else 1 + number for number, name in enumerate(names)}
    plan = flags_of_services(config, folder, ports=ports)
    check_settings(plan, secrets=secrets_to_check(names), spec=task.spec)


async def _check_drawing(task: Task) -> None:
    """Check that this machine can render clips and the run's final video."""
    is_by_gymnasium = isinstance(task.environment, GymnasiumEnvironment)
    await check_drawing(
        needs_opengl=isinstance(task.environment, MujocoEnvironment),
        uses_opengl=is_by_gymnasium and uses_mujoco(),
    )
