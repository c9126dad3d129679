"""Two PostgreSQL servers, of which the second has every commit that the first acknowledges and takes over when that dies."""

from __future__ import annotations

import psycopg

from tests.faults.proxy import Proxy
from tests.services.labeler.postgresql_server import PostgresqlServer

__all__ = ["PostgresqlPair"]


class PostgresqlPair:
    """Owns both, and the address by which the one that leads is reached, as behind a virtual IP or a pooler."""

    def __init__(self) -> None:
        """Make the first, which is started, and its standby."""
        self._servers: list[PostgresqlServer] = []
        self._primary = self._add(PostgresqlServer())
        self._primary.start()
        with psycopg.connect(self._primary.url, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            connection.execute("SELECT pg_reload_conf()")
        self._follow()
        self.proxy = Proxy(lambda: self._primary.port)

    @property
    def url(self) -> str:
        """The database's, whichever server leads."""
        return f"postgresql://somersault@127.0.0.1:{self.proxy.port}/postgres"

    def fail_over(self) -> None:
        """Crash the one that leads, let its standby take over, and give that a standby of its own."""
        self._primary.crash()
        self._standby.promote()
        self._primary = self._standby
        self._follow()

    def remove(self) -> None:
        """Crash both and remove all files."""
        for server in self._servers:
            server.remove()

    def _follow(self) -> None:
        self._standby = self._add(PostgresqlServer(standby_of=self._primary))
        self._standby.start()

    def _add(self, server: PostgresqlServer) -> PostgresqlServer:
        self._servers.append(server)
        return server
