"""Holds each document's table of roles, and that of identities, to the options on the rpcs."""

from __future__ import annotations

from somersault.domain.roles import Identity, Role
from somersault.wire.access import CALLERS, GATEWAY_METHODS, ROLES
from tests.docs.documents import ROOT, code_spans, read, table_rows


def test_the_protocols_table_of_roles() -> None:
    """Each rpc of LabelerService is for those roles that docs/protocol.md says."""
    order = (Role.LABELER, Role.TEACHER, Role.SERVICE, Role.OWNER)
    told = {
        code_spans(rpc)[0]: frozenset(role for role, cell in zip(order, cells, strict=False) if cell == "yes")
        for rpc, *cells in table_rows(read(ROOT / "docs/protocol.md"), heading="## LabelerService")
    }
    assert told == ROLES


def test_the_labeler_apis_table_of_roles() -> None:
    """Each rpc is for those roles, and in the gateway where docs/labeler-api.md says."""
    rows = table_rows(read(ROOT / "docs/labeler-api.md"), heading="## Every rpc")
    told = {code_spans(rpc)[0]: _roles(roles) for rpc, roles, *_ in rows}
    in_gateway = [code_spans(rpc)[0] for rpc, *_, gateway in rows if gateway == "yes"]
    assert told == ROLES
    assert sorted(in_gateway) == list(GATEWAY_METHODS)


def test_the_protocols_table_of_callers() -> None:
    """Each rpc of each service is for those identities that docs/protocol.md says."""
    rows = table_rows(read(ROOT / "docs/protocol.md"), heading="### Who may call what")
    told = {
        f"/somersault.v1.{code_spans(rpc)[0].replace('.', '/')}": frozenset(
            map(Identity, callers.split(", "))
        )
        for rpc, callers in rows
    }
    assert told == CALLERS


def _roles(cell: str) -> frozenset[Role]:
    return frozenset(Role) if cell == "all" else frozenset(map(Role, cell.split(", ")))
