"""Secrets, containers, and who uses them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0006"
down_revision = "0005"
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
        "secret_containers",
        sa.Column("id", string(36), nullable=False),
        sa.Column("project_id", string(255), nullable=False),
        sa.Column("creator_id", string(64), nullable=False),
        sa.Column("name", string(255), nullable=True),
        sa.Column("type", string(32), nullable=False),
        sa.Column("created_at", moment(), nullable=False),
        sa.Column("updated_at", moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_secret_containers")),
    )
    with op.batch_alter_table("secret_containers", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_secret_containers_project_id"), ["project_id"], unique=False)
    op.create_table(
        "secrets",
        sa.Column("id", string(36), nullable=False),
        sa.Column("project_id", string(255), nullable=False),
        sa.Column("creator_id", string(64), nullable=False),
        sa.Column("name", string(255), nullable=True),
        sa.Column("secret_type", string(32), nullable=False),
        sa.Column("algorithm", string(255), nullable=True),
        sa.Column("bit_length", sa.Integer(), nullable=True),
        sa.Column("mode", string(255), nullable=True),
        sa.Column("expiration", moment(), nullable=True),
        sa.Column("content_type", string(64), nullable=True),
        sa.Column(
            "sealed",
            sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql", "mariadb"),
            nullable=True,
        ),
        sa.Column("created_at", moment(), nullable=False),
        sa.Column("updated_at", moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_secrets")),
    )
    with op.batch_alter_table("secrets", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_secrets_project_id"), ["project_id"], unique=False)
    op.create_table(
        "secret_consumers",
        sa.Column("id", string(36), nullable=False),
        sa.Column("owner_id", string(36), nullable=False),
        sa.Column("service", string(255), nullable=False),
        sa.Column("resource_type", string(255), nullable=False),
        sa.Column("resource_id", string(36), nullable=False),
        sa.Column("created_at", moment(), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["secrets.id"], name=op.f("fk_secret_consumers_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_secret_consumers")),
        sa.UniqueConstraint(
            "owner_id", "service", "resource_type", "resource_id", name="uq_secret_consumers_owner_id"
        ),
    )
    op.create_table(
        "secret_container_consumers",
        sa.Column("id", string(36), nullable=False),
        sa.Column("owner_id", string(36), nullable=False),
        sa.Column("name", string(255), nullable=False),
        sa.Column("url", string(255), nullable=False),
        sa.Column("created_at", moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["secret_containers.id"], name=op.f("fk_secret_container_consumers_owner_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_secret_container_consumers")),
        sa.UniqueConstraint("owner_id", "name", "url", name="uq_secret_container_consumers_owner_id"),
    )
    op.create_table(
        "secret_parts",
        sa.Column("container_id", string(36), nullable=False),
        sa.Column("secret_id", string(36), nullable=False),
        sa.Column("name", string(255), nullable=False),
        sa.ForeignKeyConstraint(
            ["container_id"],
            ["secret_containers.id"],
            name=op.f("fk_secret_parts_container_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["secret_id"], ["secrets.id"], name=op.f("fk_secret_parts_secret_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("container_id", "secret_id", name=op.f("pk_secret_parts")),
        sa.UniqueConstraint("container_id", "name", name="uq_secret_parts_container_id_name"),
    )
    with op.batch_alter_table("secret_parts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_secret_parts_secret_id"), ["secret_id"], unique=False)


def downgrade() -> None:
    # Their indexes go with them.
    op.drop_table("secret_parts")
    op.drop_table("secret_container_consumers")
    op.drop_table("secret_consumers")
    op.drop_table("secrets")
    op.drop_table("secret_containers")
