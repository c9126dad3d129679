"""Run by Alembic: applies versions on the connection that `store.migrate` gives, in its transaction."""

from alembic import context

from services.labeler.database.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
context.run_migrations()
