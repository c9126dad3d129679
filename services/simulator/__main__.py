"""Runs a simulator: ``python -P -m services.simulator --help``."""

import sys

from somersault.processes.modules import begin_outside_working_folder

if __name__ == "__main__":
    begin_outside_working_folder()
    from services.simulator.application import build
    from services.simulator.config import SimulatorConfig
    from somersault.runtime import app

    sys.exit(app.main("simulator", SimulatorConfig, build))
