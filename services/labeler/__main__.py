"""Runs the labeler: ``python -m services.labeler --help``."""

from __future__ import annotations

import sys

from services.labeler.application import build
from services.labeler.config import LabelerConfig
from somersault.runtime import app

if __name__ == "__main__":
    sys.exit(app.main("labeler", LabelerConfig, build))
