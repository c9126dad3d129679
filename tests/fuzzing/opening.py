"""All that can be fuzzed, by name."""

from __future__ import annotations

from pathlib import Path

from tests.fuzzing.fuzzer import Fuzzer
from tests.fuzzing.gateway import GatewayFuzzer
from tests.fuzzing.targets import TARGETS

__all__ = ["NAMES", "open_fuzzer"]

NAMES = [*TARGETS, "gateway"]


def open_fuzzer(name: str, folder: Path) -> Fuzzer:
    """Serve what has that name, with its files in a folder."""
    return GatewayFuzzer(folder) if name == "gateway" else Fuzzer(name, folder)
