"""Runs the migrations on the connection that Store.migrate hands over."""

from alembic import context
from sqlmodel import SQLModel

from empire import (  # noqa: F401
    apps,
    audit,
    builds,
    certificates,
    deployments,
    domains,
    formation,
    keys,
    releases,
    tokens,
    users,
)

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
