"""Writes what the client knows of resources, as JSON, from their descriptions.

The client reads that file, so that it starts without what the descriptions are made of: `scripts/describe` writes it
anew, and a test compares. Must not name any resource's attribute.
"""

import ast
import inspect
import json
import textwrap
from collections.abc import Iterator
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

import evener_cloud.all_tables  # noqa: F401 - the tables are known once they are imported
from evener.api.dialects.lbaas import LBAAS
from evener.api.dialects.octavia import FORM as OCTAVIA
from evener.resources.agent import Agent
from evener.resources.describe import Attr, Child, Derived, Descriptor, Resource, descriptors
from evener.resources.event import Event
from evener.resources.flavor import Flavor
from evener.resources.healthmonitor import HealthMonitor
from evener.resources.l7policy import L7Policy
from evener.resources.l7rule import L7Rule
from evener.resources.listener import Listener
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.member import Member
from evener.resources.pool import Pool
from evener.resources.service_profile import ServiceProfile
from evener.resources.wire import default, on_wire
from evener.resources.wire_form import REQUIRED
from evener.store.filters import filterable, value_type
from evener_cloud.network.resources.floatingip import FloatingIP
from evener_cloud.network.resources.network import Network
from evener_cloud.network.resources.port import Port
from evener_cloud.network.resources.router import Router
from evener_cloud.network.resources.security_group import SecurityGroup
from evener_cloud.network.resources.security_group_rule import SecurityGroupRule
from evener_cloud.network.resources.subnet import Subnet

SOURCES = Path(__file__).parents[1] / "src"
Kinds = tuple[type[Resource], ...]
FILES: dict[str, Kinds] = {
    "evener/cli/resources.json": (
        *(LoadBalancer, Listener, Pool, Member, HealthMonitor, L7Policy, L7Rule),
        *(Event, Agent, Flavor, ServiceProfile),
    ),
    "evener_cloud/cli/resources.json": (
        *(Network, Subnet, Port, Router, FloatingIP, SecurityGroup, SecurityGroupRule),
    ),
}
KINDS: Kinds = tuple(cls for kinds in FILES.values() for cls in kinds)
OWNER = "project_id"  # which the client knows of every resource


def documents() -> dict[Path, str]:
    """Return what each file holds."""
    written = {cls.KIND: _settable(cls) for cls in FILES["evener/cli/resources.json"][:7]}
    return {SOURCES / "evener/cli/written.json": json.dumps(written, indent=1) + "\n"} | {
        SOURCES / file: json.dumps({cls.KIND: _described(cls) for cls in kinds}, indent=1) + "\n"
        for file, kinds in FILES.items()
    }


def _settable(cls: type[Resource]) -> dict[str, list[str]]:
    """Return what Octavia's API takes of an object in a POST, and in a PUT: what a file may say of it."""
    marks = {shown: (name, descriptors(cls)[name][1]) for name, shown in on_wire(cls, OCTAVIA).items()}
    return {
        verb: sorted(
            shown
            for shown, (name, mark) in marks.items()
            if isinstance(mark, Attr) and getattr(mark, verb) and name not in OCTAVIA.not_given.get(cls, ())
        )
        for verb in ("create", "update")
    }


def _described(cls: type[Resource]) -> dict[str, Any]:
    helps = dict(_docstrings(cls))
    attributes = {}
    for name, shown in on_wire(cls, LBAAS.form).items():
        found = _attribute(cls, name, *descriptors(cls)[name])
        if found and name not in ("id", OWNER):
            attributes[shown] = {"help": helps[name], **found} if name in helps else found
    described = {"plural": cls.PLURAL, "path": cls.path(), "attributes": attributes}
    if cls.LIMIT is not None and cls not in LBAAS.form.unlimited:
        described = {**described, "limited": True}
    if cls.PARENT is None:
        return described
    return {**described, "parent": _kind_of(cls.PARENT, descriptors(cls)[cls.PARENT][1])}


def _attribute(cls: type[Resource], name: str, field: FieldInfo, mark: Descriptor) -> dict[str, Any]:
    """Return what can be set and filtered by; what is false or empty is left out."""
    found: dict[str, Any] = {}
    create = isinstance(mark, Attr) and mark.create and name not in LBAAS.form.not_given.get(cls, ())
    if isinstance(mark, Attr) and (create or mark.update):
        required = create and not mark.computed and default(cls, name, LBAAS.form) is REQUIRED
        found = {"create": create, "update": mark.update, "required": required}
        given = LBAAS.form.types.get(cls, {}).get(name, field.annotation)
        found |= {"refers": _kind_of(name, mark), **_form(given)}
    if name in filterable(cls) and isinstance(mark, Attr | Child | Derived):
        found["filter"] = value_type(cls, name).__name__
    return {key: value for key, value in found.items() if value}


def _form(annotation: Any) -> dict[str, Any]:
    """Return of what form the values are that a user gives."""
    annotation = getattr(annotation, "__origin__", annotation) if not get_origin(annotation) else annotation
    kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
    several = get_origin(annotation) is tuple
    kind: Any = annotation if not kinds else kinds[0]
    kind = getattr(kind, "__origin__", kind)
    if not isinstance(kind, type):
        return {"list": several}
    if issubclass(kind, BaseModel):
        inner = kind.model_fields
        keys = {name: one.is_required() for name, one in inner.items()}
        key, refers = next(((name, found) for name in inner if (found := _kind_of(name, None))), ("", ""))
        return {"list": several, "keys": keys, "key": key, "refers": refers}
    if issubclass(kind, StrEnum):
        return {"list": several, "choices": list(kind)}
    return {"list": several, "type": kind.__name__ if kind in (bool, int) else ""}


def _kind_of(name: str, mark: Descriptor | None) -> str | None:
    """Return the kind whose id an attribute holds: what it refers to, or else what its name ends in."""
    if isinstance(mark, Attr) and mark.references:
        return next(cls.KIND for cls in KINDS if cls.table() == mark.references)
    words = f"_{name.removesuffix('_id')}" if name.endswith("_id") else f"_{name.removesuffix('s')}"
    if not name.endswith(("_id", "s")):
        return None
    fitting = [cls.KIND for cls in KINDS if words.endswith(f"_{cls.KIND}")]
    return max(fitting, key=len, default=None)


def _docstrings(cls: type[Resource]) -> Iterator[tuple[str, str]]:
    """Yield the string below each attribute."""
    for above, below in pairwise(ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0].body):
        match above, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                yield name, " ".join(text.split())


if __name__ == "__main__":
    for path, text in documents().items():
        path.write_text(text)
