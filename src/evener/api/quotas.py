"""`/quotas`: what projects may have, in Neutron's form. A project sees its own; the rest is for administrators."""

from collections.abc import Collection
from typing import Any

import falcon

from evener.api.collections import read_json
from evener.api.documented import STRING, Documented, ResourceSchemas, Schema, documented, exactly, many
from evener.api.policy import Policy
from evener.control.errors import QuotaNotFound
from evener.control.quotas import Quotas
from evener.resources.caller import Caller
from evener.resources.describe import UNLIMITED
from evener.resources.errors import InvalidInput
from evener.resources.types import MAX_INT, integer
from evener.services.identity import Identity

LONGEST_PROJECT = 255
LIMIT: Schema = {"type": "integer", "minimum": UNLIMITED, "maximum": MAX_INT}
DETAIL = exactly(limit=LIMIT, used={"type": "integer"}, reserved={"type": "integer"})
# What changes how a request is done, and is no limit (neutron-lib, `quota_check_limit` and its successor).
FLAGS = ("check_limit", "force")


def _limits(schemas: ResourceSchemas) -> dict[str, Schema]:
    return dict.fromkeys(schemas.limited, LIMIT)


def _quota(schemas: ResourceSchemas) -> Schema:
    return exactly(quota=exactly(**_limits(schemas)))


def _quotas(schemas: ResourceSchemas) -> Schema:
    return exactly(quotas=many(exactly(project_id=STRING, tenant_id=STRING, **_limits(schemas))))


def _details(schemas: ResourceSchemas) -> Schema:
    return exactly(quota=exactly(**dict.fromkeys(schemas.limited, DETAIL)))


def _body(schemas: ResourceSchemas) -> Schema:
    flags: dict[str, Schema] = {name: {"type": "boolean"} for name in FLAGS}
    quota = {
        "type": "object",
        "properties": {**_limits(schemas), **flags},
        "additionalProperties": False,
    }
    return {"type": "object", "properties": {"quota": quota}, "required": ["quota"]}


class QuotaViews:
    """`/quotas` and everything below it."""

    def __init__(self, quotas: Quotas, identity: Identity, policy: Policy, largest_body: int) -> None:
        self._quotas = quotas
        self._identity = identity
        self._policy = policy
        self._largest = largest_body

    @documented(Documented(_quotas))
    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        """List the projects with other limits than the default ones."""
        self._policy.enforce(request.context.caller, "get_quota")
        response.media = {
            "quotas": [
                {**limits, "project_id": project_id, "tenant_id": project_id}
                for project_id, limits in self._quotas.of_all().items()
            ]
        }

    @documented(Documented(exactly(tenant=exactly(tenant_id=STRING))))
    def on_get_tenant(self, request: falcon.Request, response: falcon.Response) -> None:
        """Show the caller's project, for clients that do not know it."""
        response.media = {"tenant": {"tenant_id": request.context.caller.project_id}}

    @documented(Documented(exactly(project=exactly(project_id=STRING))))
    def on_get_project(self, request: falcon.Request, response: falcon.Response) -> None:
        """Show the caller's project, for clients that do not know it."""
        response.media = {"project": {"project_id": request.context.caller.project_id}}

    @documented(Documented(_quota))
    def on_get_one(self, request: falcon.Request, response: falcon.Response, project_id: str) -> None:
        """Show the limits of a project."""
        self._check_sees(request.context.caller, project_id)
        response.media = {"quota": self._quotas.of(project_id)}

    @documented(Documented(_quota))
    def on_get_default(self, request: falcon.Request, response: falcon.Response, project_id: str) -> None:
        """Show the limits that a project has where nobody sets others."""
        self._check_sees(request.context.caller, project_id)
        response.media = {"quota": self._quotas.defaults()}

    @documented(Documented(_details))
    def on_get_details(self, request: falcon.Request, response: falcon.Response, project_id: str) -> None:
        """Show the limits of a project, and what it has."""
        self._check_sees(request.context.caller, project_id)
        response.media = {
            "quota": {
                kind: {"limit": quota.limit, "used": quota.used, "reserved": 0}
                for kind, quota in self._quotas.usage(project_id).items()
            }
        }

    @documented(Documented(_quota, body=_body))
    def on_put_one(self, request: falcon.Request, response: falcon.Response, project_id: str) -> None:
        """Set limits of a project; what is asked of one that is gone is answered, for who cleans up."""
        self._policy.enforce(request.context.caller, "update_quota")
        _check_project(project_id)
        limits, check = parse(read_json(request, self._largest), self._quotas.defaults())
        if not self._identity.has_project(project_id):
            raise QuotaNotFound(f"There is no project with the id {project_id}")
        response.media = {"quota": self._quotas.update(project_id, limits, check=check)}

    @documented(Documented({}, status=204))
    def on_delete_one(self, request: falcon.Request, response: falcon.Response, project_id: str) -> None:
        """Give a project the default limits again."""
        self._policy.enforce(request.context.caller, "delete_quota")
        _check_project(project_id)
        self._quotas.reset(project_id)
        response.status = falcon.HTTP_204

    def _check_sees(self, caller: Caller, project_id: str) -> None:
        _check_project(project_id)
        if project_id != caller.project_id:
            self._policy.enforce(caller, "get_quota")


def _check_project(project_id: str) -> None:
    if not project_id.isprintable() or len(project_id) > LONGEST_PROJECT:
        raise QuotaNotFound("There is no project with this id")


def parse(body: Any, kinds: Collection[str]) -> tuple[dict[str, int], bool]:
    """Return the limits of `kinds` that a PUT's body sets, and whether they are to be compared with what there is.

    Raises:
        InvalidInput: naming what is unknown or no limit.
    """
    if not isinstance(body, dict) or not isinstance(body.get("quota"), dict) or len(body) > 1:
        raise InvalidInput("Resource body required: an object named 'quota'")
    given = dict(body["quota"])
    flags = {name: given.pop(name, None) for name in FLAGS}
    unknown = sorted(repr(str(name)[:80]) for name in given if name not in kinds)
    if unknown:
        raise InvalidInput(f"Unrecognized attribute(s) {', '.join(unknown)}")
    limits = {kind: _limit(kind, value) for kind, value in given.items()}
    return limits, flags["check_limit"] is True and flags["force"] is not True


def _limit(kind: str, value: Any) -> int:
    try:
        limit = integer(str(value)) if isinstance(value, int | str) and not isinstance(value, bool) else None
    except ValueError:
        limit = None
    if limit is None or not UNLIMITED <= limit <= MAX_INT:
        raise InvalidInput(
            f"Invalid input for {kind}. Reason: {str(value)[:80]!r} is not a number from -1 (any number) up."
        )
    return limit
