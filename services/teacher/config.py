"""The teacher's settings."""

from __future__ import annotations

from typing import ClassVar

import pydantic
from pydantic_settings import SettingsConfigDict

from somersault.domain.bounds import MAX_SEED
from somersault.domain.roles import Identity
from somersault.runtime.setting_checks import Address, Name, NonEmpty
from somersault.runtime.storage_settings import StorageConfig

__all__ = ["TeacherConfig"]


class TeacherConfig(StorageConfig):
    """Settings of a teacher, which answers a run's queries by the hidden true reward."""

    model_config = SettingsConfigDict(env_prefix="SOMERSAULT_TEACHER_")
    identity: ClassVar[Identity | None] = Identity.TEACHER

    labeler_address: Address = "127.0.0.1:7004"
    """The labeler service's address, host:port."""

    run_id: Name
    """The run whose queries it answers."""

    token: pydantic.SecretStr
    """Token of role teacher; set it in the environment, where other users can't read it."""

    kind: NonEmpty = "oracle"
    """How it answers: oracle, stochastic, mistake, skip, equal or myopic (B-Pref, arXiv 2111.03026); a mixture such as
    0.7*oracle+0.3*mistake; or a function of your own, FILE.py:FUNCTION. docs/teachers.md lists each kind's numbers and how to set them."""

    seed: int = pydantic.Field(default=0, ge=0, le=MAX_SEED)
    """Seeds what is random: kinds of a mixture, mistakes, a function's generator. The oracle uses no randomness."""

    num_leases: int = pydantic.Field(default=8, ge=1, le=10)
    """Queries leased at a time."""

    lease_s: float = pydantic.Field(default=10.0, ge=1, le=600)
    """Seconds until another labeler may answer instead."""
