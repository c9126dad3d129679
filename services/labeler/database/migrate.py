"""Migrates a database to a version of the tables; the versions are in `migrations/versions`."""

from __future__ import annotations

from pathlib import Path

import alembic.command
import alembic.config
import alembic.migration
import alembic.script
import sqlalchemy as sa

from somersault.errors import ConfigError

__all__ = ["to_base", "to_head", "to_version"]

_FOLDER = Path(__file__).with_name("migrations")


def to_head(engine: sa.Engine) -> None:
    """Create the tables of a new database, or upgrade an older one; do nothing if it is up to date.

    Raises:
        ConfigError: it was made by a newer version of the program.
    """
    config = _config()
    with engine.begin() as connection:
        _lock(connection)
        found = alembic.migration.MigrationContext.configure(connection).get_current_revision()
        known = {
            script.revision for script in alembic.script.ScriptDirectory.from_config(config).walk_revisions()
        }
        if found is not None and found not in known:
            raise ConfigError(
                f"database {engine.url!r} is of version {found}, made by a newer program;"
                " use that program, or another database"
            )
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, "head")


def to_base(engine: sa.Engine) -> None:
    """Remove all tables, for tests."""
    to_version(engine, "base")


def to_version(engine: sa.Engine, version: str) -> None:
    """Migrate a database up or down to a version, for tests and for owners who must go back."""
    config = _config()
    with engine.begin() as connection:
        _lock(connection)
        config.attributes["connection"] = connection
        found = alembic.migration.MigrationContext.configure(connection).get_current_revision() or ""
        move = alembic.command.upgrade if version > found and version != "base" else alembic.command.downgrade
        move(config, version)


def _config() -> alembic.config.Config:
    config = alembic.config.Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    return config


def _lock(connection: sa.Connection) -> None:
    """Keep other replicas from migrating at the same time."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(7305718)"))
