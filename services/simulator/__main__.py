"""Runs a simulator: ``python -m services.simulator --help``."""

from __future__ import annotations

import sys

from services.simulator.application import build
from services.simulator.config import SimulatorConfig
from somersault.runtime import app

if __name__ == "__main__":
    sys.exit(app.main("simulator", SimulatorConfig, build))
