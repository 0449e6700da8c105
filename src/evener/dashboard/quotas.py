"""How many load balancers and parts of them a project may have; administrators change it."""

import shlex
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from evener.dashboard import commands, forms
from evener.dashboard.asked import Asked, Html, Redirect, Reply
from evener.dashboard.cloud import Refused
from evener.dashboard.fields import Field

Json = dict[str, Any]
FIELDS = (
    Field("load_balancer", "Load balancers", "number", option="loadbalancer"),
    Field("listener", "Listeners", "number"),
    Field("pool", "Pools", "number"),
    Field("member", "Members", "number"),
    Field("health_monitor", "Monitors", "number", option="healthmonitor"),
    Field("l7policy", "Policies", "number"),
    Field("l7rule", "Rules", "number"),
)


def view(asked: Asked) -> Html:
    """Show the limits of the project; to administrators, also those of other projects."""
    return Html("quotas.html", values(asked, probe(asked)))


def probe(asked: Asked) -> Any:
    """Return what tells, in one request, that limits have changed: administrators see those of all projects."""
    login = asked.session.login
    return asked.balancing("GET", "/quotas")["quotas"] if login.is_admin else [_read(asked, login.project_id)]


def values(asked: Asked, found: list[Json]) -> Json:
    """Return what the page shows; what an administrator's own project has may be the default, which is no project's."""
    login = asked.session.login
    own = _read(asked, login.project_id) if login.is_admin else found[0]
    return {
        "title": "Quotas",
        "own": own,
        "others": [each for each in found if login.is_admin and each["project_id"] != login.project_id],
        "fields": FIELDS,
        "commands": [shlex.join(["openstack", "loadbalancer", "quota", "show", login.project_id])],
    }


def show(asked: Asked) -> Html:
    """Show the form."""
    texts = forms.texts_of(FIELDS, _read(asked, asked.parts["project_id"]))
    return _page(asked, forms.given(FIELDS, asked.form) if asked.form else texts, texts, {})


def change(asked: Asked) -> Reply:
    """Change the limits that were typed otherwise; one that is empty becomes the default."""
    given = forms.given(FIELDS, asked.form)
    was = forms.given(FIELDS, asked.form, before=forms.WAS)
    wanted = forms.body(FIELDS, given, was)
    try:
        if wanted:
            asked.balancing("PUT", _path(asked.parts["project_id"]), {"quota": wanted})
    except Refused as refusal:
        names = [field.name for field in FIELDS]
        return _page(asked, given, was, {forms.place(refusal, names): str(refusal)}, refusal.status)
    return Redirect("/quotas")


def tell(asked: Asked) -> Html:
    """Return the commands that do what has been typed; asks nobody."""
    given, was = forms.given(FIELDS, asked.form), forms.given(FIELDS, asked.form, before=forms.WAS)
    return Html("commands.html", {"commands": _commands(asked, given, was)})


def _commands(asked: Asked, given: Mapping[str, str], was: Mapping[str, str]) -> list[str]:
    """Return what sets the limits that are another number, and what makes those the default that are empty."""
    project = asked.parts["project_id"]
    other = [field for field in FIELDS if given[field.name] != was[field.name]]
    set_ = [part for field in other if given[field.name] for part in commands.parts(field, given[field.name])]
    unset = [f"--{field.flag}" for field in other if not given[field.name]]
    quota = [*commands.BASE, "quota"]
    found = [
        [*quota, verb, *options, project] for verb, options in (("set", set_), ("unset", unset)) if options
    ]
    return [shlex.join(each) for each in found or [[*quota, "show", project]]]


def _page(
    asked: Asked, given: Mapping[str, str], was: Mapping[str, str], wrong: Json, status: int = 200
) -> Html:
    project = asked.parts["project_id"]
    values = {
        "title": "Change the quotas",
        "project": project,
        "fields": FIELDS,
        "given": given,
        "was": was,
        "wrong": wrong,
        "choices": {},
        "commands": _commands(asked, given, was),
        "are_in_turn": True,
    }
    return Html("quota.html", values, status)


def _read(asked: Asked, project: str) -> Json:
    found: Json = asked.balancing("GET", _path(project))["quota"]
    return found


def _path(project: str) -> str:
    return f"/quotas/{quote(project, safe='')}"
