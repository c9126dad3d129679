"""Runs the learner: ``python -P -m services.learner --help``."""

import sys

from somersault.processes.modules import begin_outside_working_folder

if __name__ == "__main__":
    begin_outside_working_folder()
    from services.learner.application import build
    from services.learner.config import LearnerConfig
    from somersault.runtime import app

    sys.exit(app.main("learner", LearnerConfig, build))
