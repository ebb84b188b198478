"""Keep what an app's files wish for its first version."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("builds", sa.Column("formation", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column("builds", sa.Column("postdeploy", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    with op.batch_alter_table("builds") as table:
        table.drop_column("postdeploy")
        table.drop_column("formation")
