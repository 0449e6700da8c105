"""L7 policies and rules."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def string(length: int) -> sa.String:
    return sa.String(length).with_variant(
        mysql.VARCHAR(length, collation="utf8mb4_nopad_bin"), "mysql", "mariadb"
    )


def moment() -> sa.DateTime:
    return sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


def upgrade() -> None:
    op.create_table(
        "l7policies",
        sa.Column("id", string(36), nullable=False),
        sa.Column("project_id", string(255), nullable=False),
        sa.Column("name", string(255), nullable=False),
        sa.Column("description", string(255), nullable=False),
        sa.Column("listener_id", string(36), nullable=False),
        sa.Column("loadbalancer_id", string(36), nullable=False),
        sa.Column("action", string(32), nullable=False),
        sa.Column("redirect_pool_id", string(36), nullable=True),
        sa.Column("redirect_url", string(255), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("admin_state_up", sa.Boolean(), nullable=False),
        sa.Column("created_at", moment(), nullable=False),
        sa.Column("updated_at", moment(), nullable=False),
        sa.Column("created_generation", sa.Integer(), nullable=False),
        sa.Column("changed_generation", sa.Integer(), nullable=False),
        sa.Column("deleted_generation", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["listener_id"], ["listeners.id"], name=op.f("fk_l7policies_listener_id")),
        sa.ForeignKeyConstraint(
            ["loadbalancer_id"], ["loadbalancers.id"], name=op.f("fk_l7policies_loadbalancer_id")
        ),
        sa.ForeignKeyConstraint(
            ["redirect_pool_id"], ["pools.id"], name=op.f("fk_l7policies_redirect_pool_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_l7policies")),
    )
    with op.batch_alter_table("l7policies", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_l7policies_listener_id"), ["listener_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_l7policies_loadbalancer_id"), ["loadbalancer_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_l7policies_name"), ["name"], unique=False)
        batch_op.create_index(batch_op.f("ix_l7policies_project_id"), ["project_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_l7policies_redirect_pool_id"), ["redirect_pool_id"], unique=False
        )

    op.create_table(
        "l7rules",
        sa.Column("id", string(36), nullable=False),
        sa.Column("project_id", string(255), nullable=False),
        sa.Column("l7policy_id", string(36), nullable=False),
        sa.Column("loadbalancer_id", string(36), nullable=False),
        sa.Column("type", string(32), nullable=False),
        sa.Column("compare_type", string(32), nullable=False),
        sa.Column("invert", sa.Boolean(), nullable=False),
        sa.Column("key", string(255), nullable=True),
        sa.Column("value", string(255), nullable=False),
        sa.Column("admin_state_up", sa.Boolean(), nullable=False),
        sa.Column("created_at", moment(), nullable=False),
        sa.Column("updated_at", moment(), nullable=False),
        sa.Column("created_generation", sa.Integer(), nullable=False),
        sa.Column("changed_generation", sa.Integer(), nullable=False),
        sa.Column("deleted_generation", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["l7policy_id"], ["l7policies.id"], name=op.f("fk_l7rules_l7policy_id")),
        sa.ForeignKeyConstraint(
            ["loadbalancer_id"], ["loadbalancers.id"], name=op.f("fk_l7rules_loadbalancer_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_l7rules")),
    )
    with op.batch_alter_table("l7rules", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_l7rules_l7policy_id"), ["l7policy_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_l7rules_loadbalancer_id"), ["loadbalancer_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_l7rules_project_id"), ["project_id"], unique=False)


def downgrade() -> None:
    op.drop_table("l7rules")
    op.drop_table("l7policies")
