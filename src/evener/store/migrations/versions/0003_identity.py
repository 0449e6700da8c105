"""Domains, projects, users, roles, and revoked tokens."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0003"
down_revision = "0002"
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
        "identity_domains",
        sa.Column("id", string(64), nullable=False),
        sa.Column("name", string(64), nullable=False),
        sa.Column("description", string(2000), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_domains")),
        sa.UniqueConstraint("name", name=op.f("uq_identity_domains_name")),
    )
    op.create_table(
        "identity_revocations",
        sa.Column("audit_id", string(32), nullable=False),
        sa.Column("expires_at", moment(), nullable=False),
        sa.PrimaryKeyConstraint("audit_id", name=op.f("pk_identity_revocations")),
    )
    with op.batch_alter_table("identity_revocations", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_identity_revocations_expires_at"), ["expires_at"], unique=False)
    op.create_table(
        "identity_roles",
        sa.Column("id", string(64), nullable=False),
        sa.Column("name", string(255), nullable=False),
        sa.Column("description", string(2000), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_roles")),
        sa.UniqueConstraint("name", name=op.f("uq_identity_roles_name")),
    )
    op.create_table(
        "identity_projects",
        sa.Column("id", string(64), nullable=False),
        sa.Column("domain_id", string(64), nullable=False),
        sa.Column("name", string(64), nullable=False),
        sa.Column("description", string(2000), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["domain_id"],
            ["identity_domains.id"],
            name=op.f("fk_identity_projects_domain_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_projects")),
        sa.UniqueConstraint("domain_id", "name", name="uq_identity_projects_domain_id_name"),
    )
    with op.batch_alter_table("identity_projects", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_identity_projects_domain_id"), ["domain_id"], unique=False)
    op.create_table(
        "identity_users",
        sa.Column("id", string(64), nullable=False),
        sa.Column("domain_id", string(64), nullable=False),
        sa.Column("name", string(255), nullable=False),
        sa.Column("description", string(2000), nullable=False),
        sa.Column("email", string(255), nullable=True),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("default_project_id", string(64), nullable=True),
        sa.Column("password_hash", string(255), nullable=True),
        sa.Column("token_generation", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["default_project_id"],
            ["identity_projects.id"],
            name=op.f("fk_identity_users_default_project_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["domain_id"],
            ["identity_domains.id"],
            name=op.f("fk_identity_users_domain_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_users")),
        sa.UniqueConstraint("domain_id", "name", name="uq_identity_users_domain_id_name"),
    )
    with op.batch_alter_table("identity_users", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_identity_users_default_project_id"), ["default_project_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_identity_users_domain_id"), ["domain_id"], unique=False)
    op.create_table(
        "identity_assignments",
        sa.Column("id", string(64), nullable=False),
        sa.Column("user_id", string(64), nullable=False),
        sa.Column("role_id", string(64), nullable=False),
        sa.Column("project_id", string(64), nullable=True),
        sa.Column("domain_id", string(64), nullable=True),
        sa.ForeignKeyConstraint(
            ["domain_id"],
            ["identity_domains.id"],
            name=op.f("fk_identity_assignments_domain_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["identity_projects.id"],
            name=op.f("fk_identity_assignments_project_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["role_id"],
            ["identity_roles.id"],
            name=op.f("fk_identity_assignments_role_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["identity_users.id"],
            name=op.f("fk_identity_assignments_user_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_assignments")),
        sa.UniqueConstraint("user_id", "role_id", "domain_id", name="uq_identity_assignments_domain"),
        sa.UniqueConstraint("user_id", "role_id", "project_id", name="uq_identity_assignments_project"),
    )
    with op.batch_alter_table("identity_assignments", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_identity_assignments_domain_id"), ["domain_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_identity_assignments_project_id"), ["project_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_identity_assignments_role_id"), ["role_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_identity_assignments_user_id"), ["user_id"], unique=False)


def downgrade() -> None:
    op.drop_table("identity_assignments")
    op.drop_table("identity_users")
    op.drop_table("identity_projects")
    op.drop_table("identity_roles")
    op.drop_table("identity_revocations")
    op.drop_table("identity_domains")
