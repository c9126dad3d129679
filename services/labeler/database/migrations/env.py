"""Run by Alembic: applies versions in the transaction of `migrate`'s connection."""

from alembic import context

from services.labeler.database.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
context.run_migrations()
