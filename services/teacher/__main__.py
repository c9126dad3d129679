"""Runs a teacher: ``python -P -m services.teacher --help``."""

import sys

from somersault.processes.modules import begin_outside_working_folder

if __name__ == "__main__":
    begin_outside_working_folder()
    from services.teacher.application import build
    from services.teacher.config import TeacherConfig
    from somersault.runtime import app

    sys.exit(app.main("teacher", TeacherConfig, build))
