"""Serves the web pages: ``python -m services.web --labeler-address 127.0.0.1:7004 --run-id NAME``."""

import sys

from services.web.server import main

if __name__ == "__main__":
    sys.exit(main())
