"""Answers and roles to messages and back."""

from __future__ import annotations

import pytest

from somersault import convert
from somersault.errors import InvalidInputError
from somersault.types import Preference, Role


def test_enums_come_back_as_they_went() -> None:
    """Every preference and every role has its number; 0 has none."""
    for preference in Preference:
        number = convert.preference_to_message(preference)
        assert convert.preference_from_message(number) is preference
    for role in Role:
        assert convert.role_from_message(convert.role_to_message(role)) is role
    with pytest.raises(InvalidInputError, match="preference"):
        convert.preference_from_message(0)
    with pytest.raises(InvalidInputError, match="role"):
        convert.role_from_message(0)
