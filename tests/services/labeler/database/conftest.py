"""A PostgreSQL server for the tests of the store."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.services.labeler.postgresql_server import PostgresqlServer


@pytest.fixture(scope="package")
def url() -> Iterator[str]:
    """Start a server and return the URL of its database."""
    server = PostgresqlServer()
    server.start()
    yield server.url
    server.remove()
