"""The table of docs/policy.md: what each role gets for each operation, worked out from the declared rules.

`PYTHONPATH=tests .venv/bin/python -m policy_table` prints the tables. A test compares the page with them, and another
one with what the API does.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from oslo_config import cfg

from evener.api.collections import Served
from evener.api.dialects.lbaas import rule_name
from evener.api.networking import Api
from evener.api.openapi import METHODS
from evener.api.policy import (
    Policy,
    attribute_rule_name,
    attributes_for_administrators,
)
from evener.resources.caller import ADMIN, MEMBER, READER, Caller
from evener.resources.describe import Resource, columns
from evener_cloud.network.http.networking import NETWORKING

# Who asks. The last one is a member of another project than the object's.
ROLES: dict[str, frozenset[str]] = {
    "admin": frozenset({ADMIN}),
    "member": frozenset({MEMBER}),
    "reader": frozenset({READER}),
    "no role": frozenset({"other"}),
}
STRANGER = "another project's member"
WHO = (*ROLES, STRANGER)
YES, NONE, FORBIDDEN, NOT_FOUND, UNSEEN = "yes", "none", "403", "404", "not shown"
GETS = {"list": "get", "show": "get"}
ABOUT_ATTRIBUTES = {"create": "give `{}` in a POST", "update": "give `{}` in a PUT", "get": "see `{}`"}
# What stands on networks that everybody sees: external ones.
ON_EVERYBODYS = frozenset({"floatingip"})
# What only administrators find: for others, lists are empty and there is no object.
HIDDEN = frozenset({"agent", "service_profile"})

# What every project has by itself: the default security group.
BY_ITSELF = frozenset({"security_group", "security_group_rule"})


class Line(NamedTuple):
    """One operation: what is done, the rule that decides, and what each of `WHO` gets."""

    operation: str
    rule: str
    answers: tuple[str, ...]


def lines(collections: Iterable[Served], policy: Policy) -> list[Line]:
    """Return a line for every operation on a collection."""
    found = []
    for served in collections:
        for verb in METHODS:
            if verb in served.verbs:
                path = served.path if verb in served.whole_verbs else served.path_of_one
                rule = rule_name(GETS.get(verb, verb), served.cls)
                operation = f"`{METHODS[verb].upper()} {path.removeprefix('/networking/v2.0')}`"
                answers = tuple(_answer(policy, rule, verb, served.cls, who) for who in WHO)
                found.append(Line(operation, rule, answers))
    return found


def _answer(policy: Policy, rule: str, verb: str, cls: type[Resource], who: str) -> str:
    if not _passes(policy, rule, who):
        return FORBIDDEN
    unseen = NONE if verb == "list" else NOT_FOUND
    if cls.KIND in HIDDEN:
        return YES if who == "admin" else unseen
    if cls.KIND in BY_ITSELF and verb == "list":
        return YES
    if who != STRANGER or "project_id" not in columns(cls):
        return YES
    if verb == "create":
        return NOT_FOUND if _stands_on_another(cls) and cls.KIND not in ON_EVERYBODYS else YES
    return NOT_FOUND if cls.PARENT else unseen


def _stands_on_another(cls: type[Resource]) -> bool:
    """Return whether who makes a `cls` names an object that exists."""
    named = [name for name, (_, mark) in columns(cls).items() if mark.create and name.endswith("_id")]
    return cls.PARENT is not None or named != ["project_id"]


def _passes(policy: Policy, rule: str, who: str) -> bool:
    roles = ROLES.get(who, ROLES["member"])
    return policy.allows(Caller("user", "project", roles), rule)


def other_lines(api: Api, policy: Policy) -> list[Line]:
    """Return a line for every rule that is about an attribute, or no operation on a collection."""
    rules = {
        attribute_rule_name(verb, served.cls, name): what.format(name)
        for served in api.collections
        for verb, what in ABOUT_ATTRIBUTES.items()
        for name in attributes_for_administrators(verb, served.cls)
    }
    rules |= {rule: what for rule, (_, what) in api.rules.items()}
    roles = tuple(ROLES)
    return [
        Line(what, rule, tuple(YES if _passes(policy, rule, who) else _refusal(what) for who in roles))
        for rule, what in rules.items()
    ]


def _refusal(what: str) -> str:
    return UNSEEN if what.startswith("see ") else FORBIDDEN


def markdown(heads: Sequence[str], found: Iterable[Line]) -> str:
    """Return lines as a table."""
    rows = [heads, ["---"] * len(heads)]
    rows += [(line.operation, f"`{line.rule}`", *line.answers) for line in found]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def tables() -> list[str]:
    """Return the page's tables, for all collections and without a policy file."""
    conf = cfg.ConfigOpts()
    conf([], default_config_files=[], default_config_dirs=[])
    policy = Policy(conf, NETWORKING.kinds, NETWORKING.rules)
    return [
        markdown(("operation", "rule", *WHO), lines(NETWORKING.collections, policy)),
        markdown(("what", "rule", *ROLES), other_lines(NETWORKING, policy)),
    ]


if __name__ == "__main__":
    print("\n\n".join(tables()))  # noqa: T201 - the program's answer
