"""Runs the reward service: ``python -m services.reward --help``."""

from __future__ import annotations

import sys

from services.reward.application import build
from services.reward.config import RewardConfig
from somersault.runtime import app

if __name__ == "__main__":
    sys.exit(app.main("reward", RewardConfig, build))
