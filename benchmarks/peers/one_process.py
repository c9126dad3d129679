"""A whole run's services in one process: the peer of `somersault train`, which gives each a process.

    python -m benchmarks.peers.one_process [--seed N] [--steps N] [--labels N]

`python -m services` gets the flags that `somersault train` would start each service with, so the two differ in nothing but
the number of processes.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from somersault.cli.monitoring.progress import RunProgress
from somersault.cli.monitoring.watcher import ProgressWatcher
from somersault.cli.run.config import RunConfig
from somersault.cli.run.folder import RunFolder
from somersault.cli.run.ownership import mark_started
from somersault.cli.run.store import open_run_store
from somersault.cli.services.certificates import write_certificates
from somersault.cli.services.connections import connect
from somersault.cli.services.health import wait_until_healthy
from somersault.cli.services.ports import choose_ports
from somersault.cli.services.processes import ServiceProcess, names_of_services, plan_processes
from somersault.cli.services.supervisor import Supervisor
from somersault.cli.start.train_options import TrainOptions, begin_run
from somersault.domain.roles import Identity, Role

__all__ = ["train"]

_TASK = "hopper-backflip"


def train(*, seed: int, total_env_steps: int, num_labels: int) -> tuple[RunProgress, float]:
    """Train from an oracle's answers and return the progress at the end, and the seconds from all services up to there."""
    with tempfile.TemporaryDirectory() as place, RunFolder(Path(place) / "run") as folder:
        options = TrainOptions(
            task=_TASK,
            teacher="oracle",
            labels=num_labels,
            steps=total_env_steps,
            seed=seed,
            run_dir=folder.path,
            has_web=False,
        )
        config = begin_run(options, folder)
        config = mark_started(config, folder, store=open_run_store(config), is_adopted=False)
        return asyncio.run(_train(config, folder))


async def _train(config: RunConfig, folder: RunFolder) -> tuple[RunProgress, float]:
    names = names_of_services(config)
    plan = plan_processes(config, folder, ports=dict(zip(names, choose_ports(len(names)), strict=True)))
    write_certificates(folder.certificates, run_id=config.run_id, names=names)
    supervisor = Supervisor([_in_one(plan)], logs=folder.logs)
    try:
        await supervisor.start()
        await asyncio.gather(*(_healthy(one) for one in plan))
        addresses = {one.name: one.address for one in plan}
        async with connect(
            addresses, token=folder.read_tokens()[Role.SERVICE], certificates=plan[0].certificates
        ) as stubs:
            return await _follow(ProgressWatcher(stubs, config=config), supervisor)
    finally:
        await supervisor.stop()


async def _healthy(one: ServiceProcess) -> None:
    await wait_until_healthy(one.address, certificates=one.certificates, peer=Identity(one.name))


async def _follow(watcher: ProgressWatcher, supervisor: Supervisor) -> tuple[RunProgress, float]:
    started_s = time.perf_counter()
    background = [asyncio.create_task(work) for work in (watcher.run(), supervisor.watch())]
    finished = asyncio.create_task(watcher.finished.wait())
    try:
        await asyncio.wait([*background, finished], return_when=asyncio.FIRST_COMPLETED)
        for failed in background:
            if failed.done():
                failed.result()
        wall_s = time.perf_counter() - started_s
        await watcher.refresh()
        return watcher.snapshot(), wall_s
    finally:
        finished.cancel()
        for task in background:
            task.cancel()
        await asyncio.gather(*background, finished, return_exceptions=True)


def _in_one(plan: Sequence[ServiceProcess]) -> ServiceProcess:
    """Return one process that is all of them."""
    first = plan[0]
    secrets = {name: value for one in plan for name, value in one.secrets.items()}
    return replace(
        first,
        name="services",
        module="services",
        arguments=tuple(_sections(plan)),
        secrets=secrets,
        drain_s=max(one.drain_s for one in plan),
    )


def _sections(plan: Sequence[ServiceProcess]) -> Iterator[str]:
    for process in plan:
        yield from ("--", process.name, *process.arguments)


def main() -> None:
    """Train one seed and print the outcome."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=1_500_000)
    parser.add_argument("--labels", type=int, default=60)
    given = parser.parse_args()
    end, wall_s = train(seed=given.seed, total_env_steps=given.steps, num_labels=given.labels)
    accuracy = "none" if end.preference_accuracy is None else f"{end.preference_accuracy:.2f}"
    print(
        f"seed {given.seed}: {end.num_labels} labels ({end.num_equal} equal), preference accuracy {accuracy};"
        f" {wall_s:.0f} s, {end.env_steps / wall_s:,.0f} steps/s"
    )


if __name__ == "__main__":
    main()
