"""The checks of a labeler, with PostgreSQL under ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from somersault.compliance import Verdict, check_server
from somersault.domain.roles import Role
from tests.services.labeler.database.conftest import url
from tests.services.labeler.postgresql_server import IS_INSTALLED
from tests.services.labeler.running import TOKENS
from tests.somersault.compliance.test_server import drawing_labeler

__all__ = ["url"]

pytestmark = [
    pytest.mark.skipif(not IS_INSTALLED, reason="PostgreSQL is not installed"),
    pytest.mark.slow,
]


async def test_our_labeler_keeps_every_promise_on_postgresql(url: str, tmp_path: Path) -> None:
    """All checks pass."""
    async with drawing_labeler(tmp_path, database_url=url) as labeler:
        outcomes = await check_server(labeler.address, owner_token=TOKENS[Role.OWNER])

    assert [outcome for outcome in outcomes if outcome.verdict is not Verdict.PASSED] == []
    assert len(outcomes) >= 70
