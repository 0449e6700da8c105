"""What a load balancer's own row keeps: how far all its agents are, and its provisioning status, which follows.

So a list in the order of that status is read from an index, and one in that of operating statuses asks for nothing
else. `bindings` say how far agents are, and the rules what follows (`statuses`): whoever changes those, or what the
rules ask of the row, has it kept in the same transaction, with the row locked. NULL is what nobody keeps: until the
tables are contracted, programs that know nothing of it may write.
"""

from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Update,
    bindparam,
    case,
    func,
    literal,
    null,
    select,
    update,
)

from evener.control.status_columns import decided
from evener.control.statuses import NEVER, PROVISIONING_RULES, Standing
from evener.store.database import Transaction
from evener.store.schema import bindings, loadbalancers


def keep(tx: Transaction, loadbalancer_id: str) -> None:
    """Have the row of a load balancer, which is locked, say what its agents are at, and what follows."""
    tx.execute(_keep(), {"wanted": loadbalancer_id})


@cache
def _keep() -> Update:
    own: Any = loadbalancers.c
    wanted: BindParameter[str] = bindparam("wanted")
    at = bindings.c.loadbalancer_id == wanted
    least = func.coalesce(select(func.min(bindings.c.applied_generation)).where(at).scalar_subquery(), 0)
    newest: ColumnElement[Any] = select(func.max(bindings.c.failed_generation)).where(at).scalar_subquery()
    deleted, failed = (func.coalesce(each, NEVER) for each in (own.deleted_generation, newest))
    it = Standing(own.created_generation, own.generation, deleted, least, failed)
    return (
        update(loadbalancers)
        .where(own.id == wanted, own.reached_generation.is_not(None))
        .values(reached_generation=least, failing_generation=newest, standing=decided(PROVISIONING_RULES, it))
    )


def standing_when_raised() -> ColumnElement[Any]:
    """Return what the row of a load balancer that stays is to keep of its status, where its generation is raised."""
    own: Any = loadbalancers.c
    failed = func.coalesce(own.failing_generation, NEVER)
    it = Standing(own.created_generation, own.generation + 1, literal(NEVER), own.reached_generation, failed)
    return case((own.reached_generation.is_(None), null()), else_=decided(PROVISIONING_RULES, it))


def is_everywhere(tx: Transaction) -> bool:
    """Return whether every row keeps it."""
    return tx.scalar(select(literal(1)).where(loadbalancers.c.standing.is_(None)).limit(1)) is None
