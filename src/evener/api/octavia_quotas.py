"""Quotas as Octavia shows and sets them: on the same counters, limits and defaults as those of LBaaS v2."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import falcon

from evener.api.collections import only, read_json
from evener.api.dialects import octavia_lists
from evener.api.dialects.octavia import FORM
from evener.api.dialects.octavia_policy import named
from evener.api.documented import LINKS, STRING, Documented, Schema, documented, exactly, many
from evener.api.policy import Policy
from evener.control.quotas import Quotas
from evener.resources.caller import Caller
from evener.resources.describe import UNLIMITED
from evener.resources.errors import Forbidden, InvalidInput, ObjectNotFound
from evener.resources.quota import ProjectQuota
from evener.resources.types import integer
from evener.resources.wire import to_wire

LARGEST = 2_000_000_000
LONGEST_PROJECT = 255
# Each limit under each of its names (octavia/api/v2/types/quotas.py), with the kind that it is of.
NAMES: Mapping[str, str] = {
    "loadbalancer": "loadbalancer",
    "load_balancer": "loadbalancer",
    "listener": "listener",
    "member": "member",
    "pool": "pool",
    "healthmonitor": "healthmonitor",
    "health_monitor": "healthmonitor",
    "l7policy": "l7policy",
    "l7rule": "l7rule",
}
PROJECT = ("project_id", "tenant_id")
LIMIT: Schema = {"type": "integer", "minimum": UNLIMITED, "maximum": LARGEST}
OR_DEFAULT: Schema = {"anyOf": [LIMIT, {"type": "null"}]}
LIMITS = dict.fromkeys(NAMES, LIMIT)
SHOWN = {"project_id": STRING, "tenant_id": STRING, **LIMITS}
QUOTA = exactly(quota=exactly(**SHOWN))
QUOTAS = exactly(
    quotas=many({"type": "object", "properties": SHOWN, "additionalProperties": False}),
    quotas_links=LINKS,
)
# Lists know a limit by each of its names as well, and a project by its id alone.
FORM_OF_LISTS = replace(
    FORM,
    other={**FORM.other, ProjectQuota: {"id": None}},
    second={**FORM.second, **{name: kind for name, kind in NAMES.items() if name != kind}},
)
BODY: Schema = {
    "type": "object",
    "properties": {
        "quota": {
            "type": "object",
            "properties": {
                **dict.fromkeys(NAMES, OR_DEFAULT),
                **dict.fromkeys(PROJECT, STRING),
            },
            "additionalProperties": False,
        }
    },
    "required": ["quota"],
    "additionalProperties": False,
}


class QuotaViews:
    """`/quotas`, `/quotas/PROJECT` and `/quotas/PROJECT/default`; the project `defaults` has the defaults."""

    def __init__(self, quotas: Quotas, policy: Policy, largest_body: int) -> None:
        self._quotas, self._policy, self._largest = quotas, policy, largest_body

    @documented(Documented(QUOTAS, query=octavia_lists.parameters(ProjectQuota, FORM_OF_LISTS)))
    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        """List the projects that have made anything, or have limits of their own."""
        caller = self._policy.enforce(request.context.caller, named("quota", "get_all"))
        query = request.query_string
        asked = octavia_lists.read(ProjectQuota, query, FORM_OF_LISTS)
        self._policy.check_reach(caller, asked.query.filters.get("project_id", ()))
        found = self._quotas.list(asked.query, caller.scope)
        shown = [to_wire(each, FORM_OF_LISTS) for each in found]
        url = request.context.asked_url
        response.media = {
            "quotas": [only(each, asked.fields) for each in shown],
            **octavia_lists.pages(ProjectQuota, url, query, asked, shown),
        }

    @documented(Documented(QUOTA))
    def on_get_one(self, request: falcon.Request, response: falcon.Response, project_id: str) -> None:
        """Show the limits of a project."""
        if project_id == "defaults":
            self.on_get_default(request, response, project_id)
            return
        self._enforce(request.context.caller, "get_one", project_id)
        response.media = {"quota": _shown(project_id, self._quotas.of(project_id))}

    @documented(Documented(QUOTA))
    def on_get_default(self, request: falcon.Request, response: falcon.Response, project_id: str) -> None:
        """Show the limits that a project has where nobody sets others."""
        self._policy.enforce(request.context.caller, named("quota", "get_defaults"))
        response.media = {"quota": _shown(project_id, self._quotas.defaults())}

    @documented(Documented(QUOTA, body=BODY, status=202))
    def on_put_one(self, request: falcon.Request, response: falcon.Response, project_id: str) -> None:
        """Set limits of a project; null is the default again."""
        self._enforce(request.context.caller, "put", project_id)
        limits = parse(read_json(request, self._largest))
        response.media = {"quota": _shown(project_id, self._quotas.update(project_id, limits))}
        response.status = falcon.HTTP_202

    @documented(Documented({}, status=202))
    def on_delete_one(self, request: falcon.Request, response: falcon.Response, project_id: str) -> None:
        """Give a project the default limits again."""
        self._enforce(request.context.caller, "delete", project_id)
        self._quotas.reset(project_id, counted=True)
        response.status = falcon.HTTP_202

    def _enforce(self, caller: Caller, verb: str, project_id: str) -> None:
        """Let `caller` pass to a project's quotas.

        Raises:
            Forbidden: when they are not the caller's.
            NotFound: for what is no project's id.
        """
        reaching = self._policy.enforce(caller, named("quota", verb))
        if not reaching.is_admin and project_id != caller.project_id:
            raise Forbidden("Quotas of another project were asked for")
        if not project_id.isprintable() or len(project_id) > LONGEST_PROJECT:
            raise ObjectNotFound("Quotas", "with this id")


def _shown(project_id: str, limits: Mapping[str, int]) -> dict[str, Any]:
    shown = {name: limits[kind] for name, kind in NAMES.items()}
    return {**shown, "project_id": project_id, "tenant_id": project_id}


def parse(body: Any) -> dict[str, int | None]:
    """Return the limits that a PUT's body sets, by kind; None is the default again.

    Raises:
        InvalidInput: naming what is unknown or no limit.
    """
    if not isinstance(body, dict) or not isinstance(body.get("quota"), dict) or len(body) > 1:
        raise InvalidInput("Missing argument: the body is an object with an object 'quota'")
    given = {name: value for name, value in body["quota"].items() if name not in PROJECT}
    unknown = sorted(repr(str(name)[:80]) for name in given if name not in NAMES)
    if unknown:
        raise InvalidInput(f"Unknown attribute for argument quota: {', '.join(unknown)}")
    limits: dict[str, int | None] = {}
    for name, value in given.items():
        limit = None if value is None else _limit(name, value)
        if limits.setdefault(NAMES[name], limit) != limit:
            raise InvalidInput(f"Both names of the limit {NAMES[name]} are given, with different values")
    return limits


def _limit(name: str, value: Any) -> int:
    try:
        limit = integer(str(value)) if isinstance(value, int | str) and not isinstance(value, bool) else None
    except ValueError:
        limit = None
    wrong = f"Invalid input for field/attribute {name}. Value: '{str(value)[:80]}'."
    if limit is None:
        raise InvalidInput(f"{wrong} The value is not an integer.")
    if limit < UNLIMITED:
        raise InvalidInput(f"{wrong} Value should be greater or equal to {UNLIMITED}")
    if limit > LARGEST:
        raise InvalidInput(f"{wrong} Value should be lower or equal to {LARGEST}")
    return limit
