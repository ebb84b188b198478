"""Remember what each build was made of, and which pushes want theirs without a cache."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "deployments",
        sa.Column("is_fresh", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.add_column("builds", sa.Column("key", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    with op.batch_alter_table("builds") as table:
        table.drop_column("key")
    with op.batch_alter_table("deployments") as table:
        table.drop_column("is_fresh")
