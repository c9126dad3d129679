"""Runs the reward service: ``python -P -m services.reward --help``."""

import sys

from somersault.processes.modules import begin_outside_working_folder

if __name__ == "__main__":
    begin_outside_working_folder()
    from services.reward.application import build
    from services.reward.config import RewardConfig
    from somersault.runtime import app

    sys.exit(app.main("reward", RewardConfig, build))
