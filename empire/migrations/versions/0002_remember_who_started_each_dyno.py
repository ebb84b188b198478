"""Remember which deployment started each dyno."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Empty means that the live deployment started all, as it was before.
    with op.batch_alter_table("formation") as table:
        table.add_column(sa.Column("starts", sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    with op.batch_alter_table("formation") as table:
        table.drop_column("starts")
