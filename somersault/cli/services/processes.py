"""Plans a run's processes: which there are, and each one's flags, address and secrets."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from somersault.cli.pages.access import ANY_HOST, is_shared, web_url
from somersault.cli.run.config import RunConfig
from somersault.cli.run.folder import RunFolder
from somersault.cli.run.seal import seal_of
from somersault.cli.services.certificates import certificates_of
from somersault.cli.services.ports import LOOPBACK
from somersault.cli.services.programs import MODULES
from somersault.cli.services.secrets import secrets_of
from somersault.domain.roles import Identity, Role
from somersault.processes import landlock
from somersault.processes.seal import Seal
from somersault.runtime.addresses import format_address
from somersault.runtime.urls import sqlite_url
from somersault.tasks import Task, get_task

__all__ = [
    "ServiceProcess",
    "flags_of_services",
    "names_of_pages",
    "names_of_services",
    "num_usable_cores",
    "plan_processes",
]

_CHECKPOINT_S = 30.0  # a learner stores one before it ends, on a slow disk or far away
_END_S = 5.0  # the others have stored what they must when they are asked


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceProcess:
    """One process to start and keep running."""

    name: str
    module: str
    arguments: tuple[str, ...]
    address: str
    """``host:port`` of its health check."""
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Environment variables besides those inherited."""
    is_http: bool = False
    """Its health check is HTTP instead of gRPC."""
    is_tls: bool = False
    """Its health check is HTTPS."""
    certificates: Path | None = None
    """Folder of the certificates with which its health is asked for; None if it isn't encrypted."""
    call_record: Path | None = None
    """File in which it records calls of environments in progress."""
    drain_s: float = _END_S
    """Seconds that it may take to end when asked to."""
    seal: Seal | None = None
    """What of the run's files it may open; None for all."""


def names_of_services(config: RunConfig) -> list[str]:
    """Return the names of the services that a run needs, in drain order."""
    if config.is_reference:
        return ["learner", "simulator"]
    names = ["learner", "simulator", "reward", "labeler"]
    if config.teacher != "none":
        names.insert(1, "teacher")
    if config.has_web:
        names.insert(1, "web")
    return names


def names_of_pages() -> list[str]:
    """Return the names of the services that serve the pages of a run that isn't trained, in drain order."""
    return ["web", "labeler"]


def flags_of_services(
    config: RunConfig, folder: RunFolder, *, ports: Mapping[str, int], public_port: int = 0
) -> dict[str, list[str]]:
    """Return the flags of the services in ``ports``; all listen on loopback except the pages.

    Args:
        config: The run's settings.
        folder: Its folder.
        ports: Each service's port.
        public_port: The labeler's for front ends, which show a token and no certificate; 0 takes a free one.
    """
    plan = _plan(config, folder, ports, public_port=public_port)
    return {
        name: [
            *("--host", config.web_host if name == "web" else LOOPBACK, "--port", str(port)),
            *("--certificates-path", str(certificates_of(folder.certificates, name))),
            *plan.arguments(name),
        ]
        for name, port in ports.items()
    }


def _plan(config: RunConfig, folder: RunFolder, ports: Mapping[str, int], *, public_port: int) -> _Plan:
    addresses = {name: f"{LOOPBACK}:{port}" for name, port in ports.items()}
    if "web" in ports:
        addresses["web"] = format_address(_reachable(config.web_host), ports["web"])
    return _Plan(config, get_task(config.task), folder, addresses, public_port)


def plan_processes(
    config: RunConfig, folder: RunFolder, *, ports: Mapping[str, int], public_port: int = 0
) -> list[ServiceProcess]:
    """Return the processes of the services in ``ports``, with their flags and secrets; see `flags_of_services`."""
    tokens = folder.read_tokens()
    plan = _plan(config, folder, ports, public_port=public_port)
    flags = flags_of_services(config, folder, ports=ports, public_port=public_port)
    secrets = {"reward": tokens[Role.SERVICE], "teacher": tokens[Role.TEACHER]}
    can_seal = not landlock.why_not()
    return [
        ServiceProcess(
            name=name,
            module=MODULES[name],
            arguments=tuple(flags[name]),
            address=plan.addresses[name],
            secrets=secrets_of(name, token=secrets.get(name)),
            is_http=name == "web",
            is_tls=name == "web" and bool(config.tls_key),
            certificates=certificates_of(folder.certificates, Identity.OWNER),
            call_record=plan.call_record if name == "simulator" else None,
            drain_s=_CHECKPOINT_S if name == "learner" else _END_S,
            seal=seal_of(name, config, folder) if can_seal else None,
        )
        for name in ports
    ]


def _reachable(host: str) -> str:
    """Return the address at which this machine reaches a listener on ``host``."""
    return {ANY_HOST: LOOPBACK, "::": "::1"}.get(host, host)


@dataclass(frozen=True, slots=True)
class _Plan:
    config: RunConfig
    task: Task
    folder: RunFolder
    addresses: Mapping[str, str]
    public_port: int

    @property
    def call_record(self) -> Path:
        """The file in which the simulator records which environment it is calling."""
        return self.folder.logs / "simulator.calls"

    def arguments(self, name: str) -> list[str]:
        """Return a service's own flags."""
        of_service = {
            "simulator": self._simulator,
            "learner": self._learner,
            "reward": self._reward,
            "labeler": self._labeler,
            "teacher": self._teacher,
            "web": self._web,
        }
        return _as_flags(of_service[name]())

    def _simulator(self) -> dict[str, object]:
        return {
            **self._run(),
            "learner-address": self.addresses["learner"],
            "reward-address": self.addresses.get("reward"),
            "simulator-id": "simulator-0",
            "num-environments": self.config.num_environments,
            "num-threads": self.config.num_threads or num_usable_cores(),
            "precision": self.config.precision,
            "is-reference": self.config.is_reference,
            "call-record-path": self.call_record,
        }

    def _learner(self) -> dict[str, object]:
        return {
            **self._run(),
            **self._pace(),
            "reward-address": self.addresses.get("reward"),
            "is-reference": self.config.is_reference,
            "rollout-steps": self.task.defaults.rollout_steps,
            "num-threads": self._num_network_threads(),
            "ppo.precision": self.config.precision,
            **{f"ppo.{name.replace('_', '-')}": value for name, value in self.task.defaults.ppo.items()},
        }

    def _reward(self) -> dict[str, object]:
        return {
            **self._run(),
            **self._pace(),
            "labeler-address": self.addresses["labeler"],
            "label-budget": self.config.label_budget,
            "num-given-labels": self.config.num_given_labels or None,
            "num-threads": self._num_network_threads(),
            "max-label-lag": "auto" if self.config.teacher == "none" else None,
            "wants-clips": "all" if self.config.teacher == "none" else "sample",
            **{name.replace("_", "-"): value for name, value in self.task.defaults.reward.items()},
        }

    def _labeler(self) -> dict[str, object]:
        return {
            "public-port": self.public_port,
            "database-url": sqlite_url(self.folder.database),
            "storage-url": self.config.storage_url,
            "run-id": self.config.run_id,
            "run-identity": self.config.identity or None,
            "simulator-addresses": self.addresses.get("simulator"),  # without any, no clip is rendered
            "token-path": self.folder.tokens,
            # whose pairs to practise on no name leads to
            "task": self.config.task if self.config.task.endswith(".py") else None,
        }

    def _teacher(self) -> dict[str, object]:
        return {
            "labeler-address": self.addresses["labeler"],
            "run-id": self.config.run_id,
            "storage-url": self.config.storage_url,
            "kind": self.config.teacher,
            "seed": self.config.seed,
        }

    def _web(self) -> dict[str, object]:
        return {
            "labeler-address": self.addresses["labeler"],
            "run-id": self.config.run_id,
            "run-identity": self.config.identity or None,
            "public-url": self._public_url(),
            "allowed-origins": ",".join(self.config.allowed_origins) or None,
            "tls-certificate-path": self.config.tls_certificate or None,
            "tls-key-path": self.config.tls_key or None,
        }

    def _public_url(self) -> str | None:
        """Return the pages' URL for other machines; None if they aren't shared."""
        url = web_url(self.config, int(self.addresses["web"].rpartition(":")[2]))
        return url if is_shared(url) else None

    def _num_network_threads(self) -> int | None:
        """Return the threads of a gradient step: all cores if frames are images, else the service's default."""
        is_large = self.task.spec.is_image
        return (self.config.num_threads or num_usable_cores()) if is_large else None

    def _run(self) -> dict[str, object]:
        return {
            "task": self.config.task,
            "run-id": self.config.run_id,
            "run-identity": self.config.identity or None,
            "storage-url": self.config.storage_url,
        }

    def _pace(self) -> dict[str, object]:
        return {
            "total-env-steps": self.config.total_env_steps,
            "seed": self.config.seed,
            "pacing": self.config.pacing,
        }


def num_usable_cores() -> int:
    """Return the cores that this process may use; in a container often fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _as_flags(values: Mapping[str, object]) -> list[str]:
    """Return ``--name value`` for each value; True becomes a flag alone, False and None are left out."""
    flags: list[str] = []
    for name, value in values.items():
        if value is None or value is False:
            continue
        flags.append(f"--{name}")
        if value is not True:
            flags.append(str(value))
    return flags
