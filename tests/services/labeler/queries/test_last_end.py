"""The last end of a lease, which no renewal moves."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from somersault.domain.roles import Role
from somersault.errors import LeaseExpiredError
from somersault.v1 import labeler_pb2 as pb
from tests.services.labeler.running import lease, refused, running_labeler


async def test_a_lease_ends_however_often_it_is_renewed(tmp_path: Path) -> None:
    """Each reply says when; close to it a renewal gives what is left, and then another labeler has the query."""
    async with running_labeler(tmp_path, max_lease_age_s=600) as labeler:
        await labeler.create_run()
        await labeler.propose("a")
        holder, other = labeler.as_role(Role.TEACHER), await labeler.new_labeler()
        (held,) = await lease(holder, lease_s=600)
        renew = pb.RenewLeaseRequest(lease_token=held.lease_token, lease_s=600)
        first = await holder.RenewLease(renew)
        assert first.expire_time == first.last_expire_time == held.expire_time
        _age(tmp_path, seconds=590)
        second = await holder.RenewLease(renew)
        assert 0 < second.remaining_s <= 10
        assert second.last_expire_time.seconds == first.last_expire_time.seconds - 590
        assert not await lease(other)
        _age(tmp_path, seconds=10)
        error = await refused(holder.RenewLease(renew))
        assert isinstance(error, LeaseExpiredError) or "lease the query again" in str(error)
        assert len(await lease(other)) == 1


def _age(folder: Path, *, seconds: int) -> None:
    """Let time pass for all leases."""
    with closing(sqlite3.connect(folder / "labels.sqlite")) as connection, connection:
        moved = f"leased_ms = leased_ms - {seconds * 1000}, expire_ms = expire_ms - {seconds * 1000}"
        connection.execute(f"UPDATE leases SET {moved}")
