"""Who may call each rpc of the labeler, and from where: read from the option on each in labeler.proto, the only list."""

from __future__ import annotations

from collections.abc import Mapping

from somersault.domain.roles import Role
from somersault.v1 import labeler_pb2, options_pb2
from somersault.wire.preference import role_from_message

__all__ = ["GATEWAY_METHODS", "ROLES"]

_SERVICE = labeler_pb2.DESCRIPTOR.services_by_name["LabelerService"]


def _access(method: str) -> options_pb2.Access:
    return _SERVICE.methods_by_name[method].GetOptions().Extensions[options_pb2.access]


_METHODS = sorted(_SERVICE.methods_by_name)

ROLES: Mapping[str, frozenset[Role]] = {
    method: frozenset(map(role_from_message, _access(method).roles)) for method in _METHODS
}
"""By method of LabelerService: the roles whose tokens may call it; an empty set is nobody."""

GATEWAY_METHODS = tuple(method for method in _METHODS if _access(method).is_in_gateway)
"""The methods of LabelerService that a gateway passes on to browsers, by name."""
