"""Who may call an rpc is said once, in the protos."""

from __future__ import annotations

from somersault.domain.roles import Role
from somersault.v1 import labeler_pb2
from somersault.wire.access import GATEWAY_METHODS, ROLES

METHODS = labeler_pb2.DESCRIPTOR.services_by_name["LabelerService"].methods_by_name


def test_every_rpc_of_the_labeler_says_who_may_call_it() -> None:
    """One without the option would be for nobody."""
    assert set(ROLES) == set(METHODS)
    assert [method for method, roles in ROLES.items() if not roles] == []


def test_the_roles_are_those_of_the_option() -> None:
    """Looked up by hand: one for people who answer, one for services, one for owners, one for all."""
    assert ROLES["SubmitPreference"] == {Role.LABELER, Role.TEACHER}
    assert ROLES["ReportProgress"] == {Role.SERVICE}
    assert ROLES["SetLabelerWeight"] == {Role.OWNER}
    assert ROLES["WhoAmI"] == set(Role)


def test_a_gateway_passes_on_no_stream() -> None:
    """Connect's unary format has none."""
    assert [method for method in GATEWAY_METHODS if METHODS[method].server_streaming] == []
    assert "ProposeQueries" not in GATEWAY_METHODS
    assert "LeaseQueries" in GATEWAY_METHODS
