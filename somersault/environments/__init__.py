"""Environments as agents see them, for programs outside of a run (`making`); simulators share their parts."""
