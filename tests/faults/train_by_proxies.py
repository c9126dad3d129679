"""`somersault` whose services reach each other by proxies: ``python -m tests.faults.train_by_proxies train …``."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from somersault.cli.services import run_services
from somersault.cli.services.ports import LOOPBACK
from somersault.cli.services.processes import ServiceProcess
from tests.faults.edges import PORTS_VARIABLE, PROXIES_VARIABLE

_plan = run_services.plan_processes


def _plan_by_proxies(*arguments: Any, ports: Mapping[str, int], **others: Any) -> list[ServiceProcess]:
    """Tell the ports, and let each service dial the proxy of its edge instead of the service behind it."""
    Path(os.environ[PORTS_VARIABLE]).write_text(json.dumps(dict(ports)))
    proxies: dict[str, int] = json.loads(os.environ[PROXIES_VARIABLE])
    return [
        dataclasses.replace(one, arguments=_rerouted(one, ports, proxies))
        for one in _plan(*arguments, ports=ports, **others)
    ]


def _rerouted(one: ServiceProcess, ports: Mapping[str, int], proxies: Mapping[str, int]) -> tuple[str, ...]:
    to = {f"{LOOPBACK}:{port}": proxies.get(f"{one.name}-{name}", port) for name, port in ports.items()}
    return tuple(f"{LOOPBACK}:{to[text]}" if text in to else text for text in one.arguments)


if __name__ == "__main__":
    run_services.plan_processes = _plan_by_proxies
    from somersault.cli.__main__ import main

    sys.exit(main())
