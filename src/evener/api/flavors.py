"""The service providers that there are, and which service profiles a flavor has."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import falcon

from evener.api.collections import only, read_json
from evener.api.documented import STRING, Documented, documented, exactly, many
from evener.api.policy import Policy
from evener.api.query import pairs, wanted_fields
from evener.control.flavors import Flavors
from evener.resources.errors import InvalidInput
from evener.resources.provider import Provider
from evener.resources.service_profile import ServiceProfile
from evener.resources.wire import validate_attribute

PROVIDER = exactly(service_type=STRING, name=STRING, default={"type": "boolean"})
PROFILE = exactly(service_profile=exactly(id=STRING))


class ProviderViews:
    """`/service-providers`."""

    def __init__(self, providers: Sequence[Provider], policy: Policy) -> None:
        self._shown = [
            {"service_type": one.service_type, "name": one.name, "default": one.default} for one in providers
        ]
        self._policy = policy

    @documented(Documented(exactly(service_providers=many(PROVIDER))))
    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        """List the providers; filters by their attributes, `fields` and sorting are understood."""
        self._policy.enforce(request.context.caller, "get_service_provider")
        given: dict[str, list[str]] = {}
        for name, value in pairs(request.query_string):
            given.setdefault(name, []).append(value)
        found = [one for one in self._shown if _matches(one, given)]
        directions = given.get("sort_dir") or ["asc"] * len(given.get("sort_key", ()))
        for key, direction in reversed(list(zip(given.get("sort_key", ()), directions, strict=False))):
            found = sorted(found, key=partial(_sort_key, key), reverse=direction == "desc")
        fields = wanted_fields(given.get("fields", ()), PROVIDER["properties"])
        response.media = {"service_providers": [only(one, fields) for one in found]}


def _matches(one: Mapping[str, Any], given: Mapping[str, list[str]]) -> bool:
    """Return whether a provider has, of each attribute, one of the values given for it."""
    wanted = {name: {value.lower() for value in values} for name, values in given.items() if name in one}
    return all(str(one[name]).lower() in values for name, values in wanted.items())


def _sort_key(name: str, one: Mapping[str, Any]) -> str:
    return str(one.get(name))


class ProfileViews:
    """`/flavors/ID/service_profiles` and `/flavors/ID/service_profiles/ID`."""

    def __init__(self, flavors: Flavors, policy: Policy, largest_body: int) -> None:
        self._flavors = flavors
        self._policy = policy
        self._largest = largest_body

    @documented(Documented(PROFILE, body=PROFILE, status=201))
    def on_post(self, request: falcon.Request, response: falcon.Response, object_id: str) -> None:
        """Give a flavor a service profile."""
        self._policy.enforce(request.context.caller, "create_flavor_service_profile")
        profile_id = _profile_id(read_json(request, self._largest))
        self._flavors.associate(request.context.caller, object_id, profile_id)
        response.status = falcon.HTTP_201
        response.media = {"service_profile": {"id": profile_id}}

    @documented(Documented({}, status=204))
    def on_delete_one(
        self, request: falcon.Request, response: falcon.Response, object_id: str, profile_id: str
    ) -> None:
        """Take a service profile from a flavor."""
        self._policy.enforce(request.context.caller, "delete_flavor_service_profile")
        self._flavors.dissociate(request.context.caller, object_id, profile_id)
        response.status = falcon.HTTP_204


def _profile_id(body: Any) -> str:
    given = body.get("service_profile") if isinstance(body, dict) else None
    if not isinstance(given, dict) or "id" not in given:
        raise InvalidInput("Resource body required: an object named 'service_profile' with an 'id'")
    unknown = sorted(repr(str(name)[:80]) for name in given if name not in ("id", "tenant_id", "project_id"))
    if unknown:
        raise InvalidInput(f"Unrecognized attribute(s) {', '.join(unknown)}")
    return str(validate_attribute(ServiceProfile, "id", given["id"]))
