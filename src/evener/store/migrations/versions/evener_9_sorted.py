"""Whatever load balancers are sorted by, an index has their order."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

from evener.store.nulls import none_lowest

revision = "evener_9"
down_revision = "evener_8"
branch_labels = None
depends_on = None
phase = "expand"

SORTED_BY = (
    *("name", "description", "admin_state_up", "provider", "flavor_id", "availability_zone", "topology"),
    *("vip_address", "vip_network_id", "vip_port_id", "vip_subnet_id", "updated_at"),
)
MAY_BE_NULL = {"flavor_id", "availability_zone", "vip_address", "vip_network_id", "vip_port_id"}
STANDING = "ix_loadbalancers_standing"
ITS_COLUMNS = [
    *("project_id", "created_at", "id", "generation", "created_generation", "deleted_generation"),
    *("reached_generation", "failing_generation", "admin_state_up"),
]


def upgrade() -> None:
    op.drop_index(STANDING, "loadbalancers")
    for columns in _walked():
        op.create_index(_name(columns), "loadbalancers", [_placed(each) for each in columns])
    # Again the last: SQLite reads by that one where nothing is in order.
    op.create_index(STANDING, "loadbalancers", ITS_COLUMNS)


def downgrade() -> None:
    for columns in _walked():
        op.drop_index(_name(columns), "loadbalancers")


def _walked() -> Iterator[list[str]]:
    for each in SORTED_BY:
        yield ["project_id", each, "created_at", "id"]
        yield [each, "created_at", "id"]


def _placed(column: str) -> Any:
    return none_lowest(sa.column(column)) if column in MAY_BE_NULL else column


def _name(columns: list[str]) -> str:
    return f"ix_loadbalancers_{'_'.join(columns)}"
