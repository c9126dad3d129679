"""Opens a run's object store."""

from __future__ import annotations

from somersault.cli.run.config import RunConfig
from somersault.cli.services.secrets import secrets_of_store
from somersault.storage import ObjectStore, open_store

__all__ = ["open_run_store"]


def open_run_store(config: RunConfig) -> ObjectStore:
    """Return the run's object store after checking that it works.

    Raises:
        SomersaultError: it can't be reached or used.
    """
    access_key, secret_key = secrets_of_store()
    store = open_store(config.storage_url, access_key=access_key, secret_key=secret_key)
    store.check()
    return store
