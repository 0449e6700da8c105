"""Who may do what: one rule per operation and kind, declared with oslo.policy under a dialect's names.

Which objects a caller can reach at all (those of the own project, or all) is said here where a dialect's rules know
projects, and kept to by the queries; this never looks at an object.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache, lru_cache
from typing import Any

from oslo_config import cfg
from oslo_policy import policy
from pydantic import BaseModel

from evener.api.dialects.base import Dialect, Grants
from evener.api.dialects.lbaas import LBAAS
from evener.resources.caller import Caller
from evener.resources.describe import Attr, Resource, descriptors, value_type
from evener.resources.errors import Forbidden, RuleForbids
from evener.resources.wire import on_wire

NOBODYS = ""  # no caller's project


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

    `others` are what is no operation on a collection, or is otherwise than for most: the rule, and what it allows.
    """
    found: dict[str, tuple[str, str]] = dict(dialect.grants.more)
    for cls in kinds:
        for verb, rule in _verbs(cls, dialect.grants).items():
            what = f"{verb.capitalize()} {_which(cls)}"
            found.setdefault(dialect.rule(verb, cls), (rule, what))
            for name in attributes_for_administrators(verb, cls):
                about = attribute_rule_name(verb, cls, name, dialect)
                found[about] = (dialect.grants.administration, f"{what} with {name}")
    found.update(others)
    return [policy.RuleDefault(name, rule, what) for name, (rule, what) in found.items()]


def _verbs(cls: type[Resource], grants: Grants) -> dict[str, str]:
    writing = grants.administration if cls.FOR_ADMINISTRATORS else grants.writing
    return {
        "get": grants.reading,
        "list": grants.reading,
        "create": writing,
        "update": writing,
        "delete": writing,
    }


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
        rules = defaults(kinds, others, dialect)
        self._enforcer.register_defaults(rules)
        self._wide = {rule.name for rule in rules if rule.name.endswith("-global")}
        self._answer = lru_cache(maxsize=10_000)(self._ask)

    def check(self, caller: Caller, verb: str, cls: type[Resource]) -> Caller:
        """Let `caller` pass to an operation on a collection; return the caller as the operation sees it.

        Raises:
            RuleForbids: naming the rule.
        """
        return self.enforce(caller, self._dialect.rule(verb, cls))

    def enforce(self, caller: Caller, rule: str) -> Caller:
        """Let `caller` pass; return the caller with the reach that the rule, or one for all projects, gives.

        Raises:
            RuleForbids: naming the rule.
        """
        if not self.allows(caller, rule):
            raise RuleForbids(rule)
        if not self._dialect.grants.by_project:
            return caller
        wide = f"{rule}-global"
        return replace(
            caller, everywhere=self.allows(caller, wide if wide in self._wide else rule, others=True)
        )

    def check_reach(self, caller: Caller, projects: Iterable[str]) -> None:
        """Refuse to answer who asks for other projects' objects, where a dialect says so; `caller` is as from `check`.

        Raises:
            Forbidden: when it does.
        """
        if self._dialect.grants.by_project and not caller.is_admin and {*projects} - {caller.project_id}:
            raise Forbidden("Objects of another project were asked for")

    def allows(self, caller: Caller, rule: str, *, others: bool = False) -> bool:
        """Return whether a rule lets `caller` pass, to objects of the own project or of `others`."""
        age = int(time.monotonic() // REMEMBERED_S)
        of = (NOBODYS if others else caller.project_id) if self._dialect.grants.by_project else None
        return self._answer(rule, caller.roles, caller.project_id, caller.user_id, of, age)

    def _ask(
        self, rule: str, roles: frozenset[str], project_id: str, user_id: str, of: str | None, _age: int
    ) -> bool:
        credentials = {"roles": sorted(roles), "project_id": project_id, "user_id": user_id}
        target = {} if of is None else {"project_id": of}
        return bool(self._enforcer.enforce(rule, target, credentials))

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
