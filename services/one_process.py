"""Runs several services in one process, for tests, debuggers and profilers.

Each is what it is in a process of its own, gRPC between them included, but all share one interpreter and one event loop.
To train, use `somersault train`, which gives each service a process.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog

from somersault.errors import ConfigError, InvalidInputError
from somersault.runtime import app, telemetry
from somersault.runtime.config import ServiceConfig, load_config

_log = structlog.get_logger()

_CONFIGS = {
    "simulator": "SimulatorConfig",
    "learner": "LearnerConfig",
    "reward": "RewardConfig",
    "labeler": "LabelerConfig",
    "teacher": "TeacherConfig",
    "web": "WebConfig",
}
"""Each service's class of settings, in its ``config`` module."""

_EXAMPLE = """\
each SERVICE is followed by its own flags, and -- stands between services. The flags of one:
  python -P -m services.SERVICE --help

for example, an agent that learns from the true reward, with every service that such a run needs:
  python -P -m services \\
    learner --port 7001 --task pendulum --run-id demo --storage-url file:///tmp/demo --is-reference \\
    -- simulator --task pendulum --storage-url file:///tmp/demo --learner-address 127.0.0.1:7001 --is-reference

SIGTERM or Ctrl-C drains all of them, and so does the end of any. The first one's --log-level is that of all. Secrets
come from the environment, such as SOMERSAULT_REWARD_TOKEN. `somersault train` plans the flags of a whole run;
benchmarks/peers/one_process.py passes them to this program.
"""


@dataclass(frozen=True, slots=True)
class _Part:
    """One service to run."""

    name: str
    config: ServiceConfig

    async def serve(self, stopped: asyncio.Event, on_bound: Callable[[int], None]) -> None:
        """Serve until ``stopped`` is set or the service's own work ends; set it in either case.

        ``on_bound`` is called with the port once calls are accepted.
        """
        structlog.contextvars.bind_contextvars(service=self.name)
        _log.info("starting", name=self.name, config=self.config.as_logged())
        try:
            if self.name == "web":
                await importlib.import_module("services.web.server").serve(
                    self.config, stopped=stopped, on_bound=on_bound
                )
            else:
                build: Any = importlib.import_module(f"services.{self.name}.application").build
                await app.serve(await build(self.config), self.config, stopped=stopped, on_bound=on_bound)
        finally:
            stopped.set()


def _read(arguments: Sequence[str]) -> list[_Part]:
    """Return the services that the command line names, with their settings.

    Raises:
        ConfigError: a service is unknown or named twice, or a setting can't be used.
    """
    parts: dict[str, _Part] = {}
    for name, *flags in _split(arguments):
        if name not in _CONFIGS or name in parts:
            raise InvalidInputError("SERVICE", name, f"one of {', '.join(_CONFIGS)}, each at most once")
        kind: type[ServiceConfig] = getattr(
            importlib.import_module(f"services.{name}.config"), _CONFIGS[name]
        )
        try:
            parts[name] = _Part(name, load_config(kind, flags))
        except ConfigError as error:
            raise ConfigError(f"{name}: {error}") from error
    if not parts:
        raise InvalidInputError("SERVICE", "", f"one of {', '.join(_CONFIGS)}")
    return list(parts.values())


def _split(arguments: Sequence[str]) -> Iterator[list[str]]:
    part: list[str] = []
    for argument in [*arguments, "--"]:
        if argument != "--":
            part.append(argument)
        elif part:
            yield part
            part = []


async def _serve(parts: Sequence[_Part], served: asyncio.Event, stopped: asyncio.Event) -> None:
    """Serve all until ``stopped`` is set or one ends; raise the error of the first, in their order, that failed.

    ``served`` is set once all accept calls.
    """
    bound: list[int] = []

    def count(port: int) -> None:
        bound.append(port)
        if len(bound) == len(parts):
            served.set()

    done = await asyncio.gather(*(part.serve(stopped, count) for part in parts), return_exceptions=True)
    for error in done:
        if error is not None:
            raise error


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the services that the command line names and return the exit code, which means what a service's does."""
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(
        "python -P -m services",
        usage="python -P -m services SERVICE [FLAGS] [-- SERVICE [FLAGS]]...",
        description=__doc__,
        epilog=f"services: {', '.join(_CONFIGS)}\n\n{_EXAMPLE}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    if not arguments or arguments[0] in ("-h", "--help"):
        parser.print_help()
        return 0

    def run(served: asyncio.Event) -> None:
        parts = _read(arguments)
        telemetry.set_up_logging(service="services", level=parts[0].config.log_level)
        asyncio.run(app.until_signalled(partial(_serve, parts, served)))

    return app.run_to_exit("services", run)
