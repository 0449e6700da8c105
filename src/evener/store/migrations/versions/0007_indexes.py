"""Indexes by which a page of a project's objects, or those that a filter leaves, are read in the order of ids."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

INDEXED = {
    "loadbalancers": ("name", "vip_port_id"),
    "pools": ("name", "loadbalancer_id"),
    "listeners": ("name", "loadbalancer_id", "default_pool_id"),
    "members": ("name", "loadbalancer_id", "pool_id", "subnet_id"),
    "healthmonitors": ("name", "loadbalancer_id", "pool_id"),
    "l7policies": ("name", "loadbalancer_id", "listener_id", "redirect_pool_id"),
    "l7rules": ("loadbalancer_id", "l7policy_id"),
    "networks": ("name",),
    "subnets": ("name", "network_id"),
    "ports": ("name", "network_id", "device_id"),
}
INDEXES = [
    (table, first, columns)
    for table, names in INDEXED.items()
    for first, columns in (
        ("project_id", ("project_id", "id")),
        *((name, (name, "project_id", "id")) for name in names),
    )
]


# MariaDB keeps an index that a foreign key needs until another one can stand in for it: the new ones come first.


def upgrade() -> None:
    for table, first, columns in INDEXES:
        op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, columns)
        op.drop_index(op.f(f"ix_{table}_{first}"), table)


def downgrade() -> None:
    for table, first, columns in INDEXES:
        op.create_index(op.f(f"ix_{table}_{first}"), table, [first])
        op.drop_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table)
