"""Commands on runs that lie in their folders: finished, stopped or still running. Nothing here writes into a run."""
