"""All members of a pool from one request: those that are missing go, others are made or changed.

Octavia calls it a batch. It costs as many statements for a thousand members as for one.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select

from evener.control import bounds, children
from evener.control.change import Change, NothingChanged
from evener.resources.describe import Attr, descriptors
from evener.resources.errors import InvalidInput
from evener.resources.listener import Listener
from evener.resources.member import Member
from evener.store import quota_counts, rows
from evener.store.rows import table

Values = Mapping[str, Any]
Place = tuple[str, int]  # a member's address and port
# What a member keeps that is there and of which the request says nothing; all else is then what it is by default.
KEPT = frozenset({"name", "monitor_address", "monitor_port", "tags"})


@dataclass(frozen=True, slots=True)
class Given:
    """A member as it is to be: all that can be said of a new one, of which the request says what is `named`."""

    values: Values
    named: frozenset[str]

    @property
    def place(self) -> Place:
        """What tells it from the others of its pool."""
        return self.values["address"], self.values["protocol_port"]

    def changes(self, row: Row[Any]) -> dict[str, Any]:
        """Return what a member that is there is to have, where that is another thing in any of it; else nothing."""
        wanted = {
            name: self.values[name]
            for name, (_, mark) in descriptors(Member).items()
            if isinstance(mark, Attr)
            and mark.update
            and mark.stored
            and (name in self.named or name not in KEPT)
        }
        member = rows.bare(Member, row)
        has = {name: getattr(member, name) for name in KEPT if name in descriptors(Member)}
        differs = any(getattr(member, name) != value for name, value in wanted.items())
        return {**has, **wanted} if differs else {}


def set_members(change: Change, pool_id: str, wanted: Sequence[Given], *, additive: bool) -> str:
    """Let a pool have these members, and where it is not `additive` no others; return what was done, in words.

    Raises:
        NothingChanged: when it has them already.
        EvenerError: when a rule forbids one of them.
    """
    there = _by_place(change, pool_id)
    _check_each_once(pool_id, wanted, there)
    new = [{**each.values, "pool_id": pool_id} for each in wanted if each.place not in there]
    changes = {
        there[each.place].id: each.changes(there[each.place]) for each in wanted if each.place in there
    }
    changed = {member_id: values for member_id, values in changes.items() if values}
    gone = [] if additive else [row.id for row in there.values() if row.id not in changes]
    if not (new or changed or gone):
        raise NothingChanged
    going = {"changed_generation": change.generation, "deleted_generation": change.generation}
    rows.update_all(change.tx, Member, {member_id: {} for member_id in gone}, **going)
    quota_counts.give_back(change.tx, Member, change.loadbalancer.project_id, len(gone))
    change.update_all(Member, [(row, changed[row.id]) for row in there.values() if row.id in changed])
    create(change, new)
    return f"members: {len(new)} new, {len(changed)} changed, {len(gone)} gone"


def _by_place(change: Change, pool_id: str) -> dict[Place, Row[Any]]:
    members = table(Member)
    mine = select(members).where(members.c.pool_id == pool_id, members.c.deleted_generation.is_(None))
    return {(row.address, row.protocol_port): row for row in change.tx.execute(mine)}


def _check_each_once(pool_id: str, wanted: Sequence[Given], there: Collection[Place]) -> None:
    seen: set[Place] = set()
    for each in wanted:
        if each.place in seen and each.place in there:
            raise InvalidInput("Member must be updated only once in the same request.")
        if each.place in seen:
            raise children.member_exists({**each.values, "pool_id": pool_id})
        seen.add(each.place)


def create(change: Change, new: Sequence[Values]) -> None:
    """Make members of one pool, which has none of them.

    Raises:
        EvenerError: when a rule forbids one of them.
    """
    if not new:
        return
    bounds.check_more(change, Member, new[0], len(new))
    listeners = table(Listener)
    mine = (listeners.c.loadbalancer_id == change.loadbalancer.id, listeners.c.deleted_generation.is_(None))
    ports = {row.protocol_port for row in change.tx.execute(select(listeners.c.protocol_port).where(*mine))}
    check_new(change, new, ports)
    change.insert_all(Member, new)


def check_new(change: Change, members: Sequence[Values], listening: Collection[int]) -> None:
    """See that new members, of pools that have no others, are hosts and none is where the load balancer listens.

    Raises:
        EvenerError: when a rule forbids one of them.
    """
    places: set[tuple[str, str, int]] = set()
    by_subnet: dict[str | None, list[Values]] = {}
    for member in members:
        place = (member["pool_id"], member["address"], member["protocol_port"])
        if place in places:
            raise children.member_exists(member)
        places.add(place)
        by_subnet.setdefault(member["subnet_id"], []).append(member)
    for subnet_id, there in by_subnet.items():
        is_own = children.check_destinations(change, subnet_id, [member["address"] for member in there])
        for member in there:
            if member["protocol_port"] in listening and is_own(member["address"]):
                raise children.leads_back(member["address"], member["protocol_port"], "a listener is there")
