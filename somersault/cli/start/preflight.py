"""Everything that can be known of a run before anything of it is made or started, in one place, cheap checks first.

Whatever is refused here leaves no folder, no object and no process behind, and can be said again with what was wrong
set right. What else can be checked beforehand belongs here; the folder's place and the task's own words were looked at
before there were any settings to check.
"""

from __future__ import annotations

import asyncio

from somersault.cli.run.config import RunConfig
from somersault.cli.run.folder import RunFolder
from somersault.cli.run.store import open_run_store
from somersault.cli.services.ports import check_web_address
from somersault.cli.services.processes import flags_of_services, names_of_services, secrets_to_check
from somersault.cli.start.budgets import check_budget
from somersault.cli.start.settings_check import check_settings
from somersault.environments.early_ends import ask_for_early_ends
from somersault.runtime.probes import check_drawing
from somersault.tasks import GymnasiumEnvironment, MujocoEnvironment, Task
from somersault.tasks.gymnasium import uses_mujoco

__all__ = ["check_run"]


def check_run(config: RunConfig, folder: RunFolder, task: Task) -> None:
    """Check a run that is to begin or to go on.

    Args:
        config: What it is to be.
        folder: Where it is to be kept; of a new run it isn't there yet.
        task: What is to be learned, its own texts and numbers checked.

    Raises:
        SomersaultError: something can't be used; says what, and what would do.
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
    """Check that the run can end with a video, as each does, and that its clips can be drawn."""
    is_by_gymnasium = isinstance(task.environment, GymnasiumEnvironment)
    await check_drawing(
        needs_opengl=isinstance(task.environment, MujocoEnvironment),
        uses_opengl=is_by_gymnasium and uses_mujoco(),
    )
