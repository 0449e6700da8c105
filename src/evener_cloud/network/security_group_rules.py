"""Security group rules: made and deleted inside a transaction. The rules of one rule are in its description."""

import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from evener.store import rows
from evener.store.database import Transaction
from evener_cloud.network import errors
from evener_cloud.network.resources.security_group import SecurityGroup
from evener_cloud.network.resources.security_group_rule import SecurityGroupRule, with_own_icmp
from evener_cloud.network.tables import security_group_rules
from evener_cloud.network.visibility import find, lock


def project_of(tx: Transaction, scope: str | None, values: Mapping[str, Any]) -> str:
    """Return whose a new rule is: who has its group.

    Raises:
        NotFound: when `scope` does not see the group.
    """
    return find(tx, SecurityGroup, values["security_group_id"], scope).project_id


def create(tx: Transaction, scope: str | None, values: Mapping[str, Any]) -> str:
    """Insert a rule and return its id.

    Raises:
        NotFound: when `scope` does not see the group, or the remote one.
        InvalidInput: when the rule contradicts itself.
        InUse: when the group has a rule that says the same.
    """
    full = with_own_icmp(values)
    SecurityGroupRule.check(full)
    if full["remote_group_id"] is not None:
        find(tx, SecurityGroup, full["remote_group_id"], scope)
    rule = SecurityGroupRule.model_validate({**full, "id": str(uuid.uuid4())})
    lock(tx, SecurityGroup, rule.security_group_id)  # nobody else adds the same rule meanwhile
    there = security_group_rules.c.security_group_id == rule.security_group_id
    for row in tx.execute(select(security_group_rules).where(there)):
        if rows.bare(SecurityGroupRule, row).meaning() == rule.meaning():
            raise errors.rule_exists(row.id)
    rows.insert(tx, rule)
    return rule.id


def delete(tx: Transaction, _scope: str | None, rule_id: str) -> None:
    """Delete a rule."""
    rows.delete(tx, SecurityGroupRule, [rule_id])
