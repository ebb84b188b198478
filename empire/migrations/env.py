"""Runs the migrations on the connection that Store.migrate hands over."""

from alembic import context
from sqlmodel import SQLModel

from empire import apps, audit, builds, deployments, formation, keys, releases, tokens, users  # noqa: F401

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
