"""Answers and roles to messages and back."""

from __future__ import annotations

from somersault.domain.feedback import Preference
from somersault.domain.roles import Role
from somersault.errors import InvalidInputError
from somersault.v1 import preference_pb2

__all__ = ["preference_from_message", "preference_to_message", "role_from_message", "role_to_message"]

_PREFERENCES = {
    Preference.LEFT: preference_pb2.PREFERENCE_LEFT,
    Preference.RIGHT: preference_pb2.PREFERENCE_RIGHT,
    Preference.EQUAL: preference_pb2.PREFERENCE_EQUAL,
    Preference.INCOMPARABLE: preference_pb2.PREFERENCE_INCOMPARABLE,
}
_ROLES = {
    Role.LABELER: preference_pb2.ROLE_LABELER,
    Role.TEACHER: preference_pb2.ROLE_TEACHER,
    Role.SERVICE: preference_pb2.ROLE_SERVICE,
    Role.OWNER: preference_pb2.ROLE_OWNER,
}


def preference_to_message(preference: Preference) -> preference_pb2.Preference.ValueType:
    """Return the enum value of an answer."""
    return _PREFERENCES[preference]


def preference_from_message(
    value: preference_pb2.Preference.ValueType, *, field: str = "preference"
) -> Preference:
    """Return the answer of an enum value.

    Args:
        value: The value received.
        field: The name of its field, for the error.

    Raises:
        InvalidInputError: it is unspecified or unknown.
    """
    for preference, number in _PREFERENCES.items():
        if number == value:
            return preference
    raise InvalidInputError(field, value, "left, right, equal or incomparable (1 to 4)")


def role_to_message(role: Role) -> preference_pb2.Role.ValueType:
    """Return the enum value of a role."""
    return _ROLES[role]


def role_from_message(value: preference_pb2.Role.ValueType) -> Role:
    """Return the role of an enum value.

    Raises:
        InvalidInputError: it is unspecified or unknown.
    """
    for role, number in _ROLES.items():
        if number == value:
            return role
    raise InvalidInputError("role", value, "labeler, teacher, service or owner (1 to 4)")
