"""Pages on which objects are made, changed and deleted, of every kind alike, from the descriptions of `fields`."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from evener.dashboard import choices, commands, forms
from evener.dashboard.asked import Asked, Html, Redirect, Reply, View
from evener.dashboard.cloud import Refused
from evener.dashboard.fields import KINDS, LOADBALANCER, POOL, Kind
from evener.dashboard.words import say

Json = dict[str, Any]
BALANCER = "/balancers/{balancer_id:uuid}"
BELOW = {
    "loadbalancer_id": "",
    "pool_id": "/pools/{pool_id:uuid}",
    "listener_id": "/listeners/{listener_id:uuid}",
}
BELOW["l7policy_id"] = "/l7policies/{l7policy_id:uuid}"


def pages() -> list[tuple[str, View, View]]:
    """Return the address of each page, what shows it, and what does as its form says."""
    found: list[tuple[str, View, View]] = [
        (f"{BALANCER}/change", partial(show, LOADBALANCER), partial(change, LOADBALANCER)),
        (f"{BALANCER}/delete", partial(ask_delete, LOADBALANCER), partial(delete, LOADBALANCER)),
    ]
    for kind in KINDS:
        above = f"{BALANCER}{BELOW[kind.parent]}/{kind.plural}"
        one = f"{above}/{{{kind.name}_id:uuid}}"
        found += [
            (f"{above}/create", partial(show_new, kind), partial(create, kind)),
            (one, partial(show, kind), partial(change, kind)),
            (f"{one}/delete", partial(ask_delete, kind), partial(delete, kind)),
        ]
    return found


def show_new(kind: Kind, asked: Asked) -> Html:
    """Show the form of one that is to be made."""
    first = {field.name: field.first for field in kind.fields}
    if asked.query.get("protocol") and "protocol" in first:
        first["protocol"] = asked.query["protocol"]
    return _new(kind, asked, forms.given(kind.fields, asked.form) if asked.form else first, {})


def create(kind: Kind, asked: Asked) -> Reply:
    """Make it, or show what is wrong where it is wrong."""
    given = forms.given(kind.fields, asked.form)
    wanted = forms.body(kind.fields, given)
    if not kind.is_within:
        wanted["listener_id" if _is_default_pool(kind, asked) else kind.parent] = _parent(kind, asked)
    try:
        asked.balancing("POST", _collection(kind, asked), {kind.name: wanted})
    except Refused as refusal:
        return _new(kind, asked, given, _wrong(kind, refusal), refusal.status)
    return _back(asked)


def _new(kind: Kind, asked: Asked, given: Mapping[str, str], wrong: Json, status: int = 200) -> Html:
    title = say("Add a {kind}").format(kind=say(kind.label))
    above = ["--listener"] if _is_default_pool(kind, asked) else ["--loadbalancer"] if kind is POOL else []
    command = commands.create(kind, commands.told(kind.fields, given), *above, _parent(kind, asked))
    return _form(kind, asked, given, {}, wrong, title, command, status)


def show(kind: Kind, asked: Asked) -> Html:
    """Show the form of one that is there."""
    texts = forms.texts_of(kind.fields, _read(kind, asked))
    if not asked.form:
        return _one(kind, asked, texts, texts, {})
    typed = {field.name: texts[field.name] for field in kind.fields if field.is_fixed}
    return _one(kind, asked, forms.given(kind.fields, asked.form) | typed, texts, {})


def change(kind: Kind, asked: Asked) -> Reply:
    """Change what was typed otherwise than it stood in the form; nothing else, which another may have changed since."""
    given = forms.given(kind.fields, asked.form)
    was = forms.given(kind.fields, asked.form, before=forms.WAS)
    wanted = forms.body(kind.fields, given, was)
    try:
        if wanted:
            asked.balancing("PUT", _path(kind, asked), {kind.name: wanted})
    except Refused as refusal:
        fixed = {field.name: was[field.name] for field in kind.fields if field.is_fixed}
        return _one(kind, asked, given | fixed, was, _wrong(kind, refusal), refusal.status)
    return _back(asked)


def _one(
    kind: Kind, asked: Asked, given: Mapping[str, str], was: Mapping[str, str], wrong: Json, status: int = 200
) -> Html:
    name = given.get("name") or given.get("address") or _identity(kind, asked)
    title = say("Change {kind} {name}").format(kind=say(kind.label), name=name)
    changed = [field for field in kind.fields if not field.is_fixed and given[field.name] != was[field.name]]
    options = commands.told(changed, given)
    command = commands.change(kind, options, _parent(kind, asked), _identity(kind, asked))
    return _form(kind, asked, given, was, wrong, title, command, status)


def _form(
    kind: Kind,
    asked: Asked,
    given: Mapping[str, str],
    was: Mapping[str, str],
    wrong: Json,
    title: str,
    command: commands.Command,
    status: int,
) -> Html:
    values = {
        "title": title,
        "kind": kind,
        "balancer_id": asked.parts["balancer_id"],
        "given": given,
        "was": was,
        "wrong": wrong,
        "choices": choices.of(asked, kind.fields),
        "command": command,
        "commands": [str(command)],
    }
    return Html("form.html", values, status)


def ask_delete(kind: Kind, asked: Asked) -> Html:
    """Ask whether it is really meant."""
    return _deletion(kind, asked, {})


def delete(kind: Kind, asked: Asked) -> Reply:
    """Delete it; a load balancer with all below it."""
    cascade = {"cascade": "true"} if kind is LOADBALANCER else {}
    try:
        asked.balancing("DELETE", _path(kind, asked), **cascade)
    except Refused as refusal:
        return _deletion(kind, asked, {"": str(refusal)}, refusal.status)
    return Redirect("/balancers") if kind is LOADBALANCER else _back(asked)


def _deletion(kind: Kind, asked: Asked, wrong: Json, status: int = 200) -> Html:
    found = _read(kind, asked)
    name = found.get("name") or found.get("address") or found["id"]
    values = {
        "title": say("Delete {kind} {name}?").format(kind=say(kind.label), name=name),
        "kind": kind,
        "address": found.get("vip_address"),
        "back": f"/balancers/{asked.parts['balancer_id']}",
        "wrong": wrong,
        "commands": [commands.delete(kind, _parent(kind, asked), found["id"])],
    }
    return Html("delete.html", values, status)


def _wrong(kind: Kind, refusal: Refused) -> Json:
    return {forms.place(refusal, [field.name for field in kind.fields]): str(refusal)}


def _read(kind: Kind, asked: Asked) -> Json:
    found: Json = asked.balancing("GET", _path(kind, asked))[kind.name]
    return found


def _is_default_pool(kind: Kind, asked: Asked) -> bool:
    """Whether it is to be a listener's own."""
    return kind is POOL and bool(asked.query.get("listener_id"))


def _parent(kind: Kind, asked: Asked) -> str:
    """Return the id of what it belongs to."""
    if _is_default_pool(kind, asked):
        return asked.query["listener_id"]
    return asked.parts["balancer_id" if kind.parent in ("", "loadbalancer_id") else kind.parent]


def _identity(kind: Kind, asked: Asked) -> str:
    return asked.parts["balancer_id" if kind is LOADBALANCER else f"{kind.name}_id"]


def _collection(kind: Kind, asked: Asked) -> str:
    return kind.collection.format(**asked.parts)


def _path(kind: Kind, asked: Asked) -> str:
    return f"{_collection(kind, asked)}/{_identity(kind, asked)}"


def _back(asked: Asked) -> Redirect:
    return Redirect(f"/balancers/{asked.parts['balancer_id']}")
