"""Before a run begins or goes on: its settings, and everything that can be checked without starting a service."""
