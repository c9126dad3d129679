"""The services of one life of a run: their ports, processes and public addresses."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from somersault.cli.pages.access import web_url
from somersault.cli.pages.addresses import Addresses, choose_labeler_port
from somersault.cli.pages.announcement import Announcement
from somersault.cli.pages.client import WebAddress
from somersault.cli.run.config import RunConfig
from somersault.cli.run.folder import RunFolder
from somersault.cli.run.state import RunStateReporter
from somersault.cli.services.certificates import certificates_of, write_certificates
from somersault.cli.services.ports import LOOPBACK, choose_ports
from somersault.cli.services.processes import plan_processes
from somersault.cli.services.supervisor import Supervisor
from somersault.domain.roles import Identity, Role

__all__ = ["RunServices"]


class RunServices:
    """A run's services, from their start to their end."""

    def __init__(
        self, config: RunConfig, folder: RunFolder, *, names: Sequence[str], num_restarts: int = 0
    ) -> None:
        """Choose their ports and plan their processes; nothing is started.

        Args:
            config: The run's settings.
            folder: The run's folder, locked.
            names: The services, in drain order.
            num_restarts: How many restarts there were in earlier lives of the run.
        """
        public_port = choose_labeler_port(folder.earlier_addresses) if "labeler" in names else 0
        ports = _choose_ports(config, names, besides=public_port)
        plan = plan_processes(config, folder, ports=ports, public_port=public_port)
        self._config, self._folder, self._names = config, folder, names
        self.certificates = certificates_of(folder.certificates, Identity.OWNER)
        """The folder of the certificates with which the run's own tools call its services."""
        self.by_name = {name: f"{LOOPBACK}:{port}" for name, port in ports.items()}
        """Each service's address on this machine, for its other services and the run's own tools."""
        self.addresses = Addresses(
            labeler=f"{LOOPBACK}:{public_port}" if "labeler" in ports else "",
            labeler_of_tools=self.by_name.get("labeler", ""),
            web=web_url(config, ports["web"]) if "web" in ports else "",
        )
        self.announcement = Announcement(config, folder, self.addresses)
        tokens = folder.read_tokens()
        self.owner_token = tokens[Role.OWNER]
        self.service_token = tokens[Role.SERVICE]
        self.web = next((WebAddress(one.address, one.is_tls) for one in plan if one.name == "web"), None)
        """The pages' gateway as this machine reaches it; None if there is none."""
        self.state = RunStateReporter(
            self.addresses.labeler_of_tools, self.service_token, config.run_id, self.certificates
        )
        """Reports the run's state to the labeler; unused in a reference run, which has none."""
        self._has_certificates = False
        self.supervisor = Supervisor(plan, logs=folder.logs, num_restarts=num_restarts)

    async def start_processes(self, names: Sequence[str] | None = None) -> None:
        """Start the named services, or all, with certificates of this life's own, and wait until each is healthy.

        Raises:
            SomersaultError: one refused its settings or can't be kept running.
        """
        if not self._has_certificates:
            await asyncio.to_thread(
                write_certificates,
                self._folder.certificates,
                run_id=self._config.run_id,
                names=self._names,
            )
            self._has_certificates = True
        await self.supervisor.start(names)

    async def start(self, *, new_label_budget: int | None = None) -> None:
        """Start them all, wait until each is healthy, and store their addresses.

        Args:
            new_label_budget: Labels that the run may use from now on; None leaves that unchanged. The labeler is told
                before the reward service starts, which would go on with the old number for a while.

        Raises:
            SomersaultError: one refused its settings or can't be kept running.
        """
        if new_label_budget is not None:
            await self.start_processes(["labeler"])
            await self.state.set_label_budget(new_label_budget)
        await self.start_processes()
        self.addresses.store(self._folder.addresses)


def _choose_ports(config: RunConfig, names: Sequence[str], *, besides: int) -> dict[str, int]:
    ports = dict(zip(names, choose_ports(len(names), besides=(besides,)), strict=True))
    if "web" in ports:
        ports["web"] = config.web_port
    return ports
