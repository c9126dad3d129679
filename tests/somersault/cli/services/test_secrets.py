"""Which secrets a service is started with."""

from __future__ import annotations

import pytest

from somersault.cli.services.secrets import secrets_of
from somersault.runtime.config import inherited_environment


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """An S3 identity for all services, and the teacher's own."""
    for name, value in (
        ("SOMERSAULT_STORAGE_ACCESS_KEY", "all"),
        ("SOMERSAULT_STORAGE_SECRET_KEY", "all-secret"),
        ("SOMERSAULT_TEACHER_STORAGE_ACCESS_KEY", "teacher"),
        ("SOMERSAULT_TEACHER_STORAGE_SECRET_KEY", "teacher-secret"),
        ("SOMERSAULT_REWARD_TOKEN", "reward-token"),
    ):
        monkeypatch.setenv(name, value)


def test_a_service_has_its_own_identity_in_the_store() -> None:
    """Where it was given one; otherwise that of all."""
    assert secrets_of("teacher", token="t") == {
        "SOMERSAULT_TEACHER_TOKEN": "t",
        "SOMERSAULT_TEACHER_STORAGE_ACCESS_KEY": "teacher",
        "SOMERSAULT_TEACHER_STORAGE_SECRET_KEY": "teacher-secret",
    }
    assert secrets_of("learner", token=None) == {
        "SOMERSAULT_LEARNER_STORAGE_ACCESS_KEY": "all",
        "SOMERSAULT_LEARNER_STORAGE_SECRET_KEY": "all-secret",
    }


def test_a_service_inherits_no_others_secrets() -> None:
    """Else the learner would have the teacher's key, and with it the sealed part."""
    inherited = inherited_environment(secrets_of("learner", token=None))
    known = {name for name in inherited if "STORAGE" in name or ("TOKEN" in name and "SOMERSAULT" in name)}
    assert known == {"SOMERSAULT_LEARNER_STORAGE_ACCESS_KEY", "SOMERSAULT_LEARNER_STORAGE_SECRET_KEY"}
    assert "PATH" in inherited
