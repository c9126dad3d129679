"""Runs a teacher: ``python -m services.teacher --help``."""

from __future__ import annotations

import sys

from services.teacher.application import build
from services.teacher.config import TeacherConfig
from somersault.runtime import app

if __name__ == "__main__":
    sys.exit(app.main("teacher", TeacherConfig, build))
