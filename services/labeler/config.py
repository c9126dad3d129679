"""The labeler service's settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Self

import pydantic
from pydantic_settings import NoDecode, SettingsConfigDict

from somersault.domain.bounds import MAX_PORT
from somersault.domain.roles import Identity
from somersault.domain.texts import IDENTITY_PATTERN
from somersault.runtime.setting_checks import Address, NonEmpty
from somersault.runtime.storage_settings import StorageConfig

__all__ = ["LabelerConfig"]


class LabelerConfig(StorageConfig):
    """Owns people's answers: queries, leases, preferences, labelers, and the clips that people judge."""

    model_config = SettingsConfigDict(env_prefix="SOMERSAULT_LABELER_")
    identity: ClassVar[Identity | None] = Identity.LABELER

    public_port: int | None = pydantic.Field(default=None, ge=0, le=MAX_PORT)
    """Port for front ends, which show a token and no certificate; `port` is then for the run's own services. On loopback it is
    not encrypted; else it shows this service's certificate, whose authority is ca.crt. None unless given: without
    certificates, `port` is for both."""

    database_url: pydantic.SecretStr
    """The database: sqlite:///PATH or postgresql+psycopg://USER@HOST/DATABASE. It may contain a password, so it is
    never logged."""

    run_id: str = ""
    """The run whose `run_identity` is checked; the database may hold other runs too. Empty for none."""

    run_identity: str = pydantic.Field(default="", pattern=IDENTITY_PATTERN)
    """32 hexadecimal digits, drawn when the run `run_id` began. A database or store that holds a different run of that name is
    refused, and so is a store without a run that the database knows. The identity of a new run is written to the store.
    Empty skips the check."""

    simulator_addresses: Annotated[tuple[Address, ...], NoDecode] = ()
    """host:port of each simulator that may render clips, separated by commas; without any, no clips are rendered."""

    token_path: Path | None = None
    """JSON file of role to token, readable only by its owner; these tokens are registered at start."""

    first_token_path: Path | None = None
    """File for the token of the first owner, who is made if the database has none and `token_path` names none; readable only by its
    owner. By default beside an SQLite database, under its name with `.owner-token` at the end; with PostgreSQL it must then be given."""

    task: NonEmpty | None = None
    """A custom task, ``FILE.py``, whose practice pairs are served: the task's name in a run does not lead to the file.
    Not needed for built-in tasks."""

    max_leases: int = pydantic.Field(default=10, ge=1, le=1000)
    """Live leases that a labeler may hold."""

    max_lease_age_s: float = pydantic.Field(default=3600.0, ge=600, le=7 * 24 * 3600)
    """Seconds after which a lease ends however often it was renewed; another labeler may then have the query."""

    max_concurrent_renders: int = pydantic.Field(default=2, ge=1, le=64)
    """Clips that are rendered at once."""

    render_timeout_s: float = pydantic.Field(default=30.0, gt=0, le=600)
    """Seconds that a simulator has for one clip, which takes 0.75 s of CPU."""

    max_render_failures: int = pydantic.Field(default=5, ge=1, le=1000)
    """Failed attempts after which a clip is given up."""

    secret_key_path: Path | None = None
    """File with the key that encrypts webhooks' secrets, made with the first webhook, readable only by its owner. By default
    beside an SQLite database, under its name with `.key` at the end; with PostgreSQL it must be given before a webhook is made."""

    allow_private_webhooks: bool = False
    """Allow webhooks over plain http and to private addresses, including this machine's, for trying them out. Any owner
    can then have requests sent to whatever this service can reach."""

    @property
    def has_public_port(self) -> bool:
        """Whether there is a port for front ends."""
        return self.public_port is not None

    @pydantic.model_validator(mode="after")
    def _check_public_port(self) -> Self:
        if self.has_public_port and self.certificates_path is None:
            raise ValueError(
                f"public_port is {self.public_port}, must not be given without certificates_path: front ends then call"
                " port"
            )
        return self

    @pydantic.field_validator("simulator_addresses", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return (
            [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value
        )
