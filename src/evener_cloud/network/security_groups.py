"""Security groups: made, changed and deleted inside a transaction, with the rules that each begins with."""

import uuid
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Select, or_, select

from evener.resources.caller import Caller
from evener.store import quota_counts, rows
from evener.store.database import Transaction
from evener_cloud.network import errors
from evener_cloud.network.resources.security_group import DEFAULT, SecurityGroup
from evener_cloud.network.resources.security_group_rule import Direction, Ethertype, SecurityGroupRule
from evener_cloud.network.tables import port_security_groups, security_group_rules, security_groups
from evener_cloud.network.visibility import lock

LONGEST_PROJECT = 255  # of its column
# The id of a project's default group follows from the project's, so that no two can make one at once.
_DEFAULTS = uuid.UUID("2d1fbf5c-2a0a-4b4e-9f8c-6b6ad0c1a4f3")


def create(tx: Transaction, _scope: str | None, values: Mapping[str, Any]) -> str:
    """Insert a group that lets everything out, and return its id.

    Raises:
        InUse: for the name of the default group.
        QuotaExceeded: when its rules are too many for the project.
    """
    if values["name"].lower() == DEFAULT:
        raise errors.default_group_exists()
    ensure_default(tx, values["project_id"])
    group = SecurityGroup.model_validate({**values, "id": str(uuid.uuid4())})
    rules = _first_rules(group)
    for _ in rules:
        quota_counts.take(tx, SecurityGroupRule, group.project_id)
    _insert(tx, group, rules)
    return group.id


def update(tx: Transaction, _scope: str | None, group_id: str, values: Mapping[str, Any]) -> None:
    """Change a group.

    Raises:
        InUse: for another name of the default group, or its name for another.
    """
    group = lock(tx, SecurityGroup, group_id)
    if "name" in values and group.name == DEFAULT:
        raise errors.default_group_fixed()
    if values.get("name", "").lower() == DEFAULT:
        raise errors.default_group_exists()
    stored = {name: value for name, value in values.items() if name in security_groups.c}
    rows.update(tx, SecurityGroup, group_id, **stored)


def delete(tx: Transaction, scope: str | None, group_id: str) -> None:
    """Delete a group with its rules, and the rules of others that name it, as Neutron does.

    Raises:
        InUse: when a port is in it, or it is the default one and the caller no administrator.
    """
    group = lock(tx, SecurityGroup, group_id)
    bound = port_security_groups.c
    if tx.scalar(select(bound.port_id).where(bound.security_group_id == group_id).limit(1)) is not None:
        raise errors.group_in_use(group_id)
    if group.name == DEFAULT and scope is not None:
        raise errors.default_group_stays()
    rule = security_group_rules.c
    theirs = or_(rule.security_group_id == group_id, rule.remote_group_id == group_id)
    owners = Counter(tx.scalar_ids(select(rule.project_id).where(theirs)))
    tx.execute(security_group_rules.delete().where(theirs))
    for project_id, gone in sorted(owners.items()):
        quota_counts.give_back(tx, SecurityGroupRule, project_id, gone)
    rows.delete(tx, SecurityGroup, [group_id])


def project_asked_for(caller: Caller, query: rows.ListQuery) -> str:
    """Return the project whose default group a list is to show: an administrator may ask for another's."""
    asked = query.filters.get("project_id", ())
    if (
        caller.is_admin
        and len(asked) == 1
        and 0 < len(asked[0]) <= LONGEST_PROJECT
        and asked[0].isprintable()
    ):
        return asked[0]
    return caller.project_id


def default_id(project_id: str) -> str:
    """Return the id that a project's default group has, or would have."""
    return str(uuid.uuid5(_DEFAULTS, project_id))


def has_default(tx: Transaction, project_id: str) -> bool:
    """Return whether a project has its default group already."""
    known = select(security_groups.c.id).where(security_groups.c.id == default_id(project_id))
    return tx.scalar(known) is not None


def ensure_default(tx: Transaction, project_id: str) -> str:
    """Make the default group of a project where it has none, and return its id. No quota keeps it from coming."""
    group_id = default_id(project_id)
    if not has_default(tx, project_id):
        group = SecurityGroup(
            id=group_id, project_id=project_id, name=DEFAULT, description="Default security group"
        )
        # Who is in it may reach the others that are.
        rules = _first_rules(group, Direction.INGRESS) + _first_rules(group)
        _insert(tx, group, rules)
        quota_counts.note(tx, SecurityGroup, project_id, 1)
        quota_counts.note(tx, SecurityGroupRule, project_id, len(rules))
    return group_id


def with_rules(tx: Transaction, found: Sequence[SecurityGroup]) -> list[SecurityGroup]:
    """Return `found` with their rules, in one statement."""
    rules: dict[str, list[SecurityGroupRule]] = defaultdict(list)
    for row in rows.of_all(tx, _rules, [group.id for group in found]):
        rules[row.security_group_id].append(rows.bare(SecurityGroupRule, row))
    return [group.model_copy(update={"security_group_rules": tuple(rules[group.id])}) for group in found]


@cache
def _rules(*, one: bool) -> Select[Any]:
    columns = security_group_rules.c
    statement = select(security_group_rules).where(rows.wanted(columns.security_group_id, one=one))
    return statement.order_by(columns.created_at, columns.id)


def _first_rules(group: SecurityGroup, direction: Direction = Direction.EGRESS) -> list[SecurityGroupRule]:
    return [
        SecurityGroupRule(
            id=str(uuid.uuid4()),
            project_id=group.project_id,
            security_group_id=group.id,
            direction=direction,
            ethertype=ethertype,
            remote_group_id=group.id if direction is Direction.INGRESS else None,
        )
        for ethertype in Ethertype
    ]


def _insert(tx: Transaction, group: SecurityGroup, rules: Sequence[SecurityGroupRule]) -> None:
    rows.insert(tx, group)
    for rule in rules:
        rows.insert(tx, rule)
