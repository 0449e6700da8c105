"""Who may do what: one rule per operation and kind, declared with oslo.policy under a dialect's names.

Which objects a caller can reach at all (those of the own project, or all) is not decided here but by the queries.
"""

import time
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from typing import Any

from oslo_config import cfg
from oslo_policy import policy
from pydantic import BaseModel

from evener.api.dialects.base import Dialect
from evener.api.dialects.lbaas import LBAAS
from evener.resources.caller import Caller
from evener.resources.describe import Attr, Resource, descriptors, value_type
from evener.resources.errors import RuleForbids
from evener.resources.wire import on_wire

READING = "role:reader or role:member or role:admin"
WRITING = "role:member or role:admin"
ADMINISTRATION = "role:admin"
VERBS = {"get": READING, "create": WRITING, "update": WRITING, "delete": WRITING}


def attribute_rule_name(verb: str, cls: type[Resource], attribute: str, dialect: Dialect = LBAAS) -> str:
    """Return the name of the rule for an attribute, or one inside of it: `create_network:shared`."""
    outer, colon, inner = attribute.partition(":")
    return f"{dialect.rule(verb, cls)}:{on_wire(cls, dialect.form).get(outer, outer)}{colon}{inner}"


def attributes_for_administrators(verb: str, cls: type[Resource]) -> list[str]:
    """Return the attributes that only administrators give in a `verb`, where the operator says nothing else.

    With "get": that only administrators are shown. One inside of another is called `outer:inner`.
    """
    return [
        name
        for name, mark in _attributes(cls).items()
        if mark.admin and {"create": mark.create, "update": mark.update, "get": mark.private}.get(verb)
    ]


@cache
def _attributes(cls: type[Resource]) -> dict[str, Attr]:
    found = {}
    for name, (field, mark) in descriptors(cls).items():
        if isinstance(mark, Attr):
            found[name] = mark
        kind = value_type(field)
        if kind is not None and issubclass(kind, BaseModel):
            marks = {inner: each.metadata for inner, each in kind.model_fields.items()}
            found |= {
                f"{name}:{inner}": each for inner in marks for each in marks[inner] if isinstance(each, Attr)
            }
    return found


def _given(cls: type[Resource], attribute: str, values: Mapping[str, Any]) -> bool:
    """Return whether `values` give an attribute; one that is the default is nothing given."""
    outer, _, inner = attribute.partition(":")
    if values.get(outer) == descriptors(cls)[outer][0].default or outer not in values:
        return False
    value = values[outer]
    return not inner or getattr(value, inner) != type(value).model_fields[inner].default


def defaults(
    kinds: Iterable[type[Resource]], others: Mapping[str, tuple[str, str]], dialect: Dialect = LBAAS
) -> list[policy.RuleDefault]:
    """Return the rules, those of `kinds` first, as they are where the operator has written no policy file.

    `others` are what is no operation on a collection: the rule, and what it allows.
    """
    found = []
    for cls in kinds:
        for verb, rule in _verbs(cls).items():
            what = f"{verb.capitalize()} {_which(cls)}"
            found.append(policy.RuleDefault(dialect.rule(verb, cls), rule, what))
            found += [
                policy.RuleDefault(
                    attribute_rule_name(verb, cls, name, dialect), ADMINISTRATION, f"{what} with {name}"
                )
                for name in attributes_for_administrators(verb, cls)
            ]
    return found + [policy.RuleDefault(name, rule, what) for name, (rule, what) in others.items()]


def _verbs(cls: type[Resource]) -> dict[str, str]:
    writing = {"create": ADMINISTRATION, "update": ADMINISTRATION, "delete": ADMINISTRATION}
    return {**VERBS, **writing} if cls.FOR_ADMINISTRATORS else VERBS


def _which(cls: type[Resource]) -> str:
    return f"a {cls.KIND}" if cls.FOR_ADMINISTRATORS else f"a {cls.KIND} of the own project"


REMEMBERED_S = 5  # so long an answer stands after the policy file has changed


class Policy:
    """Checks callers against the rules."""

    def __init__(
        self,
        conf: cfg.ConfigOpts,
        kinds: Iterable[type[Resource]],
        others: Mapping[str, tuple[str, str]],
        dialect: Dialect = LBAAS,
    ) -> None:
        self._dialect = dialect
        self._enforcer = policy.Enforcer(conf, use_conf=True)
        self._enforcer.register_defaults(defaults(kinds, others, dialect))
        self._answer = lru_cache(maxsize=10_000)(self._ask)

    def check(self, caller: Caller, verb: str, cls: type[Resource]) -> None:
        """Let `caller` pass to an operation on a collection.

        Raises:
            RuleForbids: naming the rule.
        """
        self.enforce(caller, self._dialect.rule(verb, cls))

    def enforce(self, caller: Caller, rule: str) -> None:
        """Let `caller` pass.

        Raises:
            RuleForbids: naming the rule.
        """
        if not self.allows(caller, rule):
            raise RuleForbids(rule)

    def allows(self, caller: Caller, rule: str) -> bool:
        """Return whether a rule lets `caller` pass."""
        age = int(time.monotonic() // REMEMBERED_S)
        return self._answer(rule, caller.roles, caller.project_id, caller.user_id, age)

    def _ask(self, rule: str, roles: frozenset[str], project_id: str, user_id: str, _age: int) -> bool:
        credentials = {"roles": sorted(roles), "project_id": project_id, "user_id": user_id}
        return bool(self._enforcer.enforce(rule, {}, credentials))

    def check_attributes(
        self, caller: Caller, verb: str, cls: type[Resource], values: Mapping[str, Any]
    ) -> None:
        """Refuse attributes that the rules keep from `caller`; a value that is the default is nothing given.

        Raises:
            Forbidden: naming the rule, and with it the attribute.
        """
        for name in attributes_for_administrators(verb, cls):
            if _given(cls, name, values):
                self.enforce(caller, attribute_rule_name(verb, cls, name, self._dialect))

    def hidden(self, caller: Caller, cls: type[Resource]) -> frozenset[str]:
        """Return the attributes that the rules do not let `caller` see."""
        return frozenset(
            name
            for name in attributes_for_administrators("get", cls)
            if not self.allows(caller, attribute_rule_name("get", cls, name, self._dialect))
        )
