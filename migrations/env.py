"""Alembic's way in: the connection is handed over by `feedserver.store.migrations`.

On SQLite Alembic rebuilds a table for a new constraint and drops the old one; `store.migrations` has turned foreign keys off for that.
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
