"""Alembic's way in: the connection is handed over by `feedserver.store.migrations`.

On SQLite a change that makes Alembic rebuild a table (a new constraint on an old table) drops the old one, and what refers to it goes with
it by ON DELETE CASCADE: add columns and indexes to old tables, never constraints.
"""

from alembic import context

from feedserver.store.rows import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    transactional_ddl=True,
    compare_type=True,
    user_module_prefix="",
)
context.run_migrations()
