"""Give apps a handle that stays when they are renamed, and a maintenance switch."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("apps") as table:
        table.add_column(sa.Column("handle", sa.String(), nullable=False, server_default=""))
        table.add_column(
            sa.Column("is_in_maintenance", sa.Boolean(), nullable=False, server_default=sa.false())
        )
    op.execute("UPDATE apps SET handle = name")
    with op.batch_alter_table("apps") as table:
        table.create_index("ix_apps_handle", ["handle"], unique=True)


def downgrade() -> None:
    with op.batch_alter_table("apps") as table:
        table.drop_index("ix_apps_handle")
        table.drop_column("is_in_maintenance")
        table.drop_column("handle")
