"""The settings of services that use a run's object store, and the one place that opens it from them."""

from __future__ import annotations

import pydantic

from somersault.runtime.config import ServiceConfig
from somersault.runtime.setting_checks import NonEmpty
from somersault.storage import ObjectStore, open_store

__all__ = ["StorageConfig"]


class StorageConfig(ServiceConfig):
    """Settings of a service that reads or writes a run's objects."""

    storage_url: NonEmpty
    """The run's object store, where all its services find what the others put there: file:///PATH or
    s3://HOST:PORT/BUCKET[/PREFIX]."""

    storage_access_key: pydantic.SecretStr | None = None
    """Key id for S3."""

    storage_secret_key: pydantic.SecretStr | None = None
    """Secret for S3."""

    def open_store(self) -> ObjectStore:
        """Open the object store without talking to it; `ObjectStore.check` does.

        Raises:
            ConfigError: the URL names no store, or an S3 store lacks its credentials.
        """
        access, secret = self.storage_access_key, self.storage_secret_key
        return open_store(
            self.storage_url,
            access_key=access.get_secret_value() if access else None,
            secret_key=secret.get_secret_value() if secret else None,
        )
