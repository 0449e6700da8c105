"""How many secrets, containers and consumers a project may have, and how much they may take. Asked before a write.

So a project in which many ask at once may get a few more; none fills the disk.
"""

from dataclasses import dataclass

from sqlalchemy import Table, func, select

from evener.store.database import Transaction
from evener_cloud.secrets.consumers import OF_CONTAINERS, OF_SECRETS
from evener_cloud.secrets.errors import quota_reached
from evener_cloud.secrets.models import LARGEST_PAYLOAD
from evener_cloud.secrets.tables import secret_containers, secrets

UNLIMITED = -1


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one project may have; -1 is any number. Bytes are those of the rows, where payloads are encrypted."""

    secrets: int = 10_000
    secret_bytes: int = 67_108_864
    containers: int = 5_000
    consumers: int = 20_000


def check_secret(tx: Transaction, bounds: Bounds, project_id: str, payload_bytes: int) -> None:
    """See whether a project has room for one more secret with such a payload.

    Raises:
        Forbidden: naming the bound.
    """
    there = _count(tx, secrets, project_id)
    _refuse(project_id, bounds.secrets, there, "secrets")
    check_payload(tx, bounds, project_id, payload_bytes, there)


def check_payload(
    tx: Transaction, bounds: Bounds, project_id: str, size: int, there: int | None = None
) -> None:
    """See whether a project has room for a payload of `size` bytes; `there` is how many secrets it has, if known.

    Raises:
        Forbidden: naming the bound.
    """
    there = _count(tx, secrets, project_id) if there is None else there
    if bounds.secret_bytes == UNLIMITED or 2 * LARGEST_PAYLOAD * (there + 1) <= bounds.secret_bytes:
        return  # however large each of them is: nobody needs to look
    taken = select(func.sum(func.length(secrets.c.sealed))).where(secrets.c.project_id == project_id)
    if (tx.scalar(taken) or 0) + size * 4 // 3 > bounds.secret_bytes:  # sealed, it is text
        raise quota_reached(project_id, bounds.secret_bytes, "bytes of secrets")


def check_container(tx: Transaction, bounds: Bounds, project_id: str) -> None:
    """See whether a project has room for one more container.

    Raises:
        Forbidden: naming the bound.
    """
    _refuse(project_id, bounds.containers, _count(tx, secret_containers, project_id), "containers")


def check_consumer(tx: Transaction, bounds: Bounds, project_id: str) -> None:
    """See whether a project has room for one more consumer of what it has.

    Raises:
        Forbidden: naming the bound.
    """
    there = 0
    for table, owners in ((OF_CONTAINERS, secret_containers), (OF_SECRETS, secrets)):
        of_project = select(func.count()).select_from(table.join(owners, owners.c.id == table.c.owner_id))
        there += tx.scalar(of_project.where(owners.c.project_id == project_id)) or 0
    _refuse(project_id, bounds.consumers, there, "consumers")


def _count(tx: Transaction, table: Table, project_id: str) -> int:
    return tx.scalar(select(func.count()).select_from(table).where(table.c.project_id == project_id)) or 0


def _refuse(project_id: str, bound: int, there: int, what: str) -> None:
    if 0 <= bound <= there:
        raise quota_reached(project_id, bound, what)
