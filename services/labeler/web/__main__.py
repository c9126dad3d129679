"""Starts the labeling page: ``python -m services.labeler.web --labeler-address 127.0.0.1:8500 --run-id NAME``."""

import sys

from services.labeler.web.serving import main

if __name__ == "__main__":
    sys.exit(main())
