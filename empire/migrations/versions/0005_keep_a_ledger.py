"""Keep a ledger for adapters, and where each app wants to run."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

PLACEMENT = ("capacity", "architecture", "task_role")


def upgrade() -> None:
    op.create_table(
        "ledger",
        sa.Column("app", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("app", "key"),
    )
    with op.batch_alter_table("apps") as table:
        for name in PLACEMENT:
            table.add_column(sa.Column(name, sa.String(), nullable=False, server_default=""))
        table.add_column(
            sa.Column("is_internal", sa.Boolean(), nullable=False, server_default=sa.false())
        )


def downgrade() -> None:
    with op.batch_alter_table("apps") as table:
        for name in (*PLACEMENT, "is_internal"):
            table.drop_column(name)
    op.drop_table("ledger")
