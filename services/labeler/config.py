"""The labeler service's settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pydantic
from pydantic_settings import NoDecode, SettingsConfigDict

from somersault.domain.texts import IDENTITY_PATTERN
from somersault.runtime.config import ServiceConfig
from somersault.runtime.setting_checks import Address, NonEmpty

__all__ = ["LabelerConfig"]


class LabelerConfig(ServiceConfig):
    """Owns people's answers: queries, leases, preferences, labelers, and the clips that people judge."""

    model_config = SettingsConfigDict(env_prefix="SOMERSAULT_LABELER_")

    database_url: pydantic.SecretStr
    """Where everything is kept: sqlite:///PATH or postgresql+psycopg://USER@HOST/DATABASE. May hold a password,
    so it is never logged."""

    storage_url: NonEmpty
    """Where segments and clips are: file:///PATH or s3://HOST:PORT/BUCKET[/PREFIX]."""

    storage_access_key: str | None = None
    """Key id for S3."""

    storage_secret_key: pydantic.SecretStr | None = None
    """Secret for S3."""

    run_id: str = ""
    """The run whose `run_identity` is compared; others may be in the database too. Empty for none."""

    run_identity: str = pydantic.Field(default="", pattern=IDENTITY_PATTERN)
    """32 hexadecimal digits, drawn when the run `run_id` began: a database or store that holds another run of that name is
    refused, and so is a store that lacks a run which the database knows. The store of a new run is told. Empty isn't
    compared."""

    simulator_addresses: Annotated[tuple[Address, ...], NoDecode] = ()
    """host:port of each simulator that may draw clips, with commas between; without any, clips are not drawn."""

    token_path: Path | None = None
    """JSON file of role to token, readable by its owner alone; these tokens are made known at start."""

    task: NonEmpty | None = None
    """Task of one's own, ``FILE.py``, whose pairs to practise on are given out: a run's name of it does not lead to
    the file. Not needed for others."""

    max_leases: int = pydantic.Field(default=10, ge=1, le=1000)
    """Live leases that one labeler may hold."""

    max_concurrent_renders: int = pydantic.Field(default=2, ge=1, le=64)
    """Clips that are drawn at once."""

    render_timeout_s: float = pydantic.Field(default=30.0, gt=0, le=600)
    """Seconds that a simulator gets for one clip; one takes 0.75 s of CPU."""

    max_render_failures: int = pydantic.Field(default=5, ge=1, le=1000)
    """Tries after which a clip that can't be drawn is given up."""

    allow_private_webhooks: bool = False
    """Lets webhooks use plain http and go to private addresses, this machine's too: for trying them out. Whoever is an
    owner can then have requests sent to whatever this service can reach."""

    @pydantic.field_validator("simulator_addresses", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return (
            [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value
        )
