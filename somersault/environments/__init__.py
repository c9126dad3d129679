"""Environments as agents see them, for programs outside of a run; the simulator shares their parts."""
