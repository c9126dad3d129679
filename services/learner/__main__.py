"""Runs the learner: ``python -m services.learner --help``."""

from __future__ import annotations

import sys

from services.learner.application import build
from services.learner.config import LearnerConfig
from somersault.runtime import app

if __name__ == "__main__":
    sys.exit(app.main("learner", LearnerConfig, build))
