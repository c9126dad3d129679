"""The database: SQLite, or PostgreSQL by URL. Functions that take a connection run inside one transaction."""

from services.labeler.database.engine import Database, open_database

__all__ = ["Database", "open_database"]
