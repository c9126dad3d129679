"""Network namespaces of Linux, so that processes of one machine reach each other over links as between machines.

Each namespace has a virtual link to one bridge; packets take the whole network stack, unlike on loopback, whose
packets are 64 KB long. Needs root and iproute2.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ["Network", "loopback", "namespaces"]

_SUBNET = "10.77.0"


@dataclass(frozen=True, slots=True)
class Network:
    """Where servers listen and how processes are started so that they reach them."""

    title: str
    host: str
    """Address that the processes reach this one at."""
    prefixes: tuple[tuple[str, ...], ...]
    """What to put before the command of each process."""


def loopback(num_processes: int) -> Network:
    """Return the network that is always there."""
    return Network("loopback", "127.0.0.1", ((),) * num_processes)


@contextlib.contextmanager
def namespaces(num_processes: int) -> Iterator[Network]:
    """Return as many namespaces, joined by a bridge, or loopback where that is not allowed; removes them at the end."""
    tag = f"sv{os.getpid() % 10_000}"
    names = [f"{tag}n{number}" for number in range(num_processes)]
    with contextlib.ExitStack() as undoing:
        try:
            _make_bridge(tag, undoing)
            for number, name in enumerate(names):
                _make_namespace(tag, name, f"{_SUBNET}.{number + 2}/24", undoing)
        except (OSError, subprocess.CalledProcessError):
            network = loopback(num_processes)
        else:
            prefixes = tuple(("ip", "netns", "exec", name) for name in names)
            network = Network("network namespaces", f"{_SUBNET}.1", prefixes)
        yield network


def _make_bridge(tag: str, undoing: contextlib.ExitStack) -> None:
    if os.geteuid() != 0 or shutil.which("ip") is None:
        raise OSError("namespaces need root and iproute2")
    _ip("link", "add", tag, "type", "bridge")
    undoing.callback(_ip, "link", "del", tag)
    _ip("addr", "add", f"{_SUBNET}.1/24", "dev", tag)
    _ip("link", "set", tag, "up")


def _make_namespace(tag: str, name: str, address: str, undoing: contextlib.ExitStack) -> None:
    _ip("netns", "add", name)
    undoing.callback(_ip, "netns", "del", name)
    _ip("link", "add", f"{name}o", "type", "veth", "peer", "name", f"{name}i")
    _ip("link", "set", f"{name}o", "master", tag, "up")
    _ip("link", "set", f"{name}i", "netns", name)
    _ip("-n", name, "addr", "add", address, "dev", f"{name}i")
    for device in (f"{name}i", "lo"):
        _ip("-n", name, "link", "set", device, "up")


def _ip(*arguments: str) -> None:
    command: Sequence[str] = ("ip", *arguments)
    subprocess.run(command, check=True, capture_output=True)
