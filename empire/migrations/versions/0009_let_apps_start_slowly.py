"""Let an app's files say how long its web process may take to start."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("builds", "releases"):
        op.add_column(
            table, sa.Column("start_seconds", sa.Float(), nullable=False, server_default="0")
        )


def downgrade() -> None:
    for name in ("releases", "builds"):
        with op.batch_alter_table(name) as table:
            table.drop_column("start_seconds")
