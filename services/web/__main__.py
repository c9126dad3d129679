"""Serves the web pages: ``python -P -m services.web --labeler-address 127.0.0.1:7004 --run-id NAME``."""

import sys

from somersault.processes.modules import begin_outside_working_folder

if __name__ == "__main__":
    begin_outside_working_folder()
    from services.web.server import main

    sys.exit(main())
