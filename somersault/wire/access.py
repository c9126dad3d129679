"""What the option on each rpc says: who may call it, from where, how large its requests may be. The protos are the only list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from google.protobuf.descriptor import MethodDescriptor

from somersault.domain.roles import Identity, Role
from somersault.v1 import labeler_pb2, learner_pb2, options_pb2, reward_pb2, simulator_pb2
from somersault.wire.preference import role_from_message

__all__ = ["CALLERS", "GATEWAY_METHODS", "ROLES", "SERVICE_METHODS", "RequestBounds", "request_bounds"]

_DEFAULT_BYTES = 64 * 1024
_DEFAULT_PARTS = 4096


def _of_services() -> Iterator[MethodDescriptor]:
    for file in (labeler_pb2, learner_pb2, reward_pb2, simulator_pb2):
        for service in file.DESCRIPTOR.services_by_name.values():
            yield from service.methods


def _access(method: MethodDescriptor) -> options_pb2.Access:
    return method.GetOptions().Extensions[options_pb2.access]


def _callers(method: MethodDescriptor) -> frozenset[Identity]:
    names = map(options_pb2.Identity.Name, _access(method).callers)
    return frozenset(Identity(name.removeprefix("IDENTITY_").lower()) for name in names)


SERVICE_METHODS: Mapping[str, MethodDescriptor] = {
    f"/{method.containing_service.full_name}/{method.name}": method for method in _of_services()
}
"""Every rpc of every service, by its path: ``/somersault.v1.LearnerService/Collect``."""

CALLERS: Mapping[str, frozenset[Identity]] = {
    path: _callers(method) for path, method in SERVICE_METHODS.items()
}
"""By path: the identities that may call an rpc where services have certificates; an empty set is nobody."""

_LABELERS = dict(sorted(labeler_pb2.DESCRIPTOR.services_by_name["LabelerService"].methods_by_name.items()))

ROLES: Mapping[str, frozenset[Role]] = {
    name: frozenset(map(role_from_message, _access(method).roles)) for name, method in _LABELERS.items()
}
"""By method of LabelerService: the roles whose tokens may call it; an empty set is nobody."""

GATEWAY_METHODS = tuple(name for name, method in _LABELERS.items() if _access(method).is_in_gateway)
"""The methods of LabelerService that a gateway passes on to browsers, by name."""


@dataclass(frozen=True, slots=True)
class RequestBounds:
    """How large a request may be; in a stream, each of its messages."""

    max_bytes: int
    max_parts: int
    """Fields that are present, each entry of a list counted, at every depth together."""


def request_bounds(method: MethodDescriptor) -> RequestBounds:
    """Return the bounds of an rpc's requests, of any service; the default ones where its option says nothing."""
    access = _access(method)
    return RequestBounds(
        max_bytes=access.max_request_bytes or _DEFAULT_BYTES,
        max_parts=access.max_request_parts or _DEFAULT_PARTS,
    )
