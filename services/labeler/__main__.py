"""Runs the labeler: ``python -P -m services.labeler --help``."""

import sys

from somersault.processes.modules import begin_outside_working_folder

if __name__ == "__main__":
    begin_outside_working_folder()
    from services.labeler.application import build
    from services.labeler.config import LabelerConfig
    from somersault.runtime import app

    sys.exit(app.main("labeler", LabelerConfig, build))
