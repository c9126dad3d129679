"""Where everything is kept: SQLite, or PostgreSQL by URL. Functions here run inside one transaction."""

from services.labeler.database.engine import Database, open_database

__all__ = ["Database", "open_database"]
