"""Answers and roles to messages and back."""

from __future__ import annotations

import pytest

from somersault import wire
from somersault.domain.feedback import Preference
from somersault.domain.roles import Role
from somersault.errors import InvalidInputError


def test_enums_come_back_as_they_went() -> None:
    """Every preference and every role has its number; 0 has none."""
    for preference in Preference:
        number = wire.preference_to_message(preference)
        assert wire.preference_from_message(number) is preference
    for role in Role:
        assert wire.role_from_message(wire.role_to_message(role)) is role
    with pytest.raises(InvalidInputError, match="preference"):
        wire.preference_from_message(0)
    with pytest.raises(InvalidInputError, match="role"):
        wire.role_from_message(0)
