"""Runs several services in one process: ``python -P -m services --help``."""

import sys

from somersault.processes.modules import begin_outside_working_folder

if __name__ == "__main__":
    begin_outside_working_folder()
    from services.one_process import main

    sys.exit(main())
