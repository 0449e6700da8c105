"""Security groups, their rules, and which ports are in which."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def string(length: int) -> sa.String:
    return sa.String(length).with_variant(
        mysql.VARCHAR(length, collation="utf8mb4_nopad_bin"), "mysql", "mariadb"
    )


def moment() -> sa.DateTime:
    return sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


def index(table: str, *columns: str) -> None:
    op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, columns)


def upgrade() -> None:
    op.create_table(
        "security_groups",
        sa.Column("id", string(36), nullable=False),
        sa.Column("project_id", string(255), nullable=False),
        sa.Column("name", string(255), nullable=False),
        sa.Column("description", string(255), nullable=False),
        sa.Column("created_at", moment(), nullable=False),
        sa.Column("updated_at", moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_security_groups")),
    )
    index("security_groups", "project_id", "id")
    index("security_groups", "name", "project_id", "id")
    op.create_table(
        "security_group_rules",
        sa.Column("id", string(36), nullable=False),
        sa.Column("project_id", string(255), nullable=False),
        sa.Column("security_group_id", string(36), nullable=False),
        sa.Column("direction", string(32), nullable=False),
        sa.Column("ethertype", string(32), nullable=False),
        sa.Column("protocol", string(10), nullable=True),
        sa.Column("port_range_min", sa.Integer(), nullable=True),
        sa.Column("port_range_max", sa.Integer(), nullable=True),
        sa.Column("remote_ip_prefix", string(64), nullable=True),
        sa.Column("remote_group_id", string(36), nullable=True),
        sa.Column("description", string(255), nullable=False),
        sa.Column("created_at", moment(), nullable=False),
        sa.Column("updated_at", moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["security_group_id"],
            ["security_groups.id"],
            name=op.f("fk_security_group_rules_security_group_id"),
        ),
        sa.ForeignKeyConstraint(
            ["remote_group_id"], ["security_groups.id"], name=op.f("fk_security_group_rules_remote_group_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_security_group_rules")),
    )
    index("security_group_rules", "project_id", "id")
    index("security_group_rules", "security_group_id", "project_id", "id")
    index("security_group_rules", "remote_group_id", "project_id", "id")
    op.create_table(
        "port_security_groups",
        sa.Column("port_id", string(36), nullable=False),
        sa.Column("security_group_id", string(36), nullable=False),
        sa.ForeignKeyConstraint(
            ["port_id"], ["ports.id"], name=op.f("fk_port_security_groups_port_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["security_group_id"],
            ["security_groups.id"],
            name=op.f("fk_port_security_groups_security_group_id"),
        ),
        sa.PrimaryKeyConstraint("port_id", "security_group_id", name=op.f("pk_port_security_groups")),
    )
    index("port_security_groups", "security_group_id")
    with op.batch_alter_table("ports") as ports:  # there was no group that a port could be in
        ports.drop_column("security_groups")


def downgrade() -> None:
    with op.batch_alter_table("ports") as ports:
        none = sa.Column("security_groups", sa.JSON(none_as_null=True), nullable=False, server_default="[]")
        ports.add_column(none)
    op.drop_table("port_security_groups")
    op.drop_table("security_group_rules")
    op.drop_table("security_groups")
