"""Proxies between the services of a run: one on each edge, from who dials to who serves."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

from tests.faults.proxy import Mode, Proxy

__all__ = ["EDGES", "PORTS_VARIABLE", "PROXIES_VARIABLE", "Edges"]

EDGES = (
    "simulator-learner",
    "simulator-reward",
    "learner-reward",
    "reward-labeler",
    "teacher-labeler",
    "web-labeler",
    "labeler-simulator",
)
PROXIES_VARIABLE = "SOMERSAULT_FAULTS_PROXIES"
"""Says which port each edge's proxy listens on, as JSON."""
PORTS_VARIABLE = "SOMERSAULT_FAULTS_PORTS"
"""Names the file to which the command writes its services' ports."""


class Edges:
    """Owns the proxies."""

    def __init__(self, folder: Path, *, seed: int) -> None:
        """Make them; nothing listens yet."""
        self._ports = folder / "ports.json"
        self._proxies = {
            edge: Proxy(lambda edge=edge: self._port_behind(edge), seed=seed)  # type: ignore[misc]
            for edge in EDGES
        }
        self.names: tuple[str, ...] = ()
        """Edges that have a proxy now."""

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[dict[str, str]]:
        """Listen, and yield what the command's environment must have."""
        for proxy in self._proxies.values():
            await proxy.start()
        self.names = EDGES
        ports = {edge: proxy.port for edge, proxy in self._proxies.items()}
        try:
            yield {PROXIES_VARIABLE: json.dumps(ports), PORTS_VARIABLE: str(self._ports)}
        finally:
            for proxy in self._proxies.values():
                await proxy.close()

    def set(self, edge: str, mode: Mode) -> None:
        """Change what happens on an edge."""
        self._proxies[edge].set(mode)

    def _port_behind(self, edge: str) -> int:
        """Return where the edge's service listens; 0, which refuses, before the command has chosen."""
        try:
            return int(json.loads(self._ports.read_text())[edge.partition("-")[2]])
        except FileNotFoundError:
            return 0
