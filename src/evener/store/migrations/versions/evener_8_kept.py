"""How far a load balancer's agents are is kept in its row from now on: all who write it know of that."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from evener.store.schema import string

revision = "evener_8"
down_revision = "evener_7"
branch_labels = None
depends_on = None
phase = "contract"

NUMBERS = (
    "generation",
    "created_generation",
    "deleted_generation",
    "reached_generation",
    "failing_generation",
)
OWN = sa.table("loadbalancers", *map(sa.column, ("id", *NUMBERS, "standing")))
BINDINGS = sa.table(
    "bindings", *map(sa.column, ("loadbalancer_id", "applied_generation", "failed_generation"))
)
DEFAULTS: dict[str, tuple[Any, str]] = {
    "reached_generation": (sa.Integer(), "0"),
    "standing": (string(32), "PENDING_CREATE"),
}


def upgrade() -> None:
    _default(**{name: default for name, (_, default) in DEFAULTS.items()})
    # First all rows, for which who is writing a report has to be waited for; then what they have written.
    op.get_bind().execute(sa.select(OWN.c.id).with_for_update()).all()
    its = BINDINGS.c.loadbalancer_id == OWN.c.id
    least = sa.select(sa.func.min(BINDINGS.c.applied_generation)).where(its).scalar_subquery()
    newest = sa.select(sa.func.max(BINDINGS.c.failed_generation)).where(its).scalar_subquery()
    op.execute(OWN.update().values(reached_generation=sa.func.coalesce(least, 0), failing_generation=newest))
    op.execute(OWN.update().values(standing=_standing()))


def downgrade() -> None:
    _default(**dict.fromkeys(DEFAULTS))
    op.execute(OWN.update().values(reached_generation=None, failing_generation=None, standing=None))


def _standing() -> sa.ColumnElement[Any]:
    own = OWN.c
    applied, failed = own.reached_generation, own.failing_generation
    return sa.case(
        (own.deleted_generation.is_not(None), "PENDING_DELETE"),
        (
            sa.and_(failed >= own.generation, sa.or_(applied < own.generation, failed <= applied)),
            "ERROR",
        ),
        (applied >= own.generation, "ACTIVE"),
        (applied < own.created_generation, "PENDING_CREATE"),
        else_="PENDING_UPDATE",
    )


def _default(**defaults: str | None) -> None:
    with op.batch_alter_table("loadbalancers") as batch:
        for name, default in defaults.items():
            kind = DEFAULTS[name][0]
            batch.alter_column(name, existing_type=kind, existing_nullable=True, server_default=default)
    if op.get_context().dialect.name == "sqlite":
        _in_order()


def _in_order() -> None:
    """Make the indexes anew: of several that would do SQLite reads by the last one, and they came back in any order."""
    its = sa.table("sqlite_master", *map(sa.column, ("type", "tbl_name", "name", "sql"))).c
    wanted = sa.select(its.name, its.sql).where(
        its.type == "index", its.tbl_name == "loadbalancers", its.sql.is_not(None)
    )
    found = op.get_bind().execute(wanted.order_by(its.name == "ix_loadbalancers_standing", its.name))
    for index in found.all():
        op.drop_index(index.name, "loadbalancers")
        op.execute(index.sql)
