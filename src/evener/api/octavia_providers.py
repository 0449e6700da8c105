"""The providers as Octavia lists them, and what can be said to each in profiles."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import falcon

from evener.api.collections import only
from evener.api.dialects.octavia_policy import named as rule
from evener.api.documented import STRING, Documented, documented, exactly, many
from evener.api.policy import Policy
from evener.api.query import pairs, wanted_fields
from evener.control.providers import named
from evener.resources.provider import ALIASES, Provider, with_aliases
from evener.resources.provider_data import capabilities

ENTRY = exactly(name=STRING, description=STRING)
FIELDS = ("name", "description")


class ProviderViews:
    """`/providers` and `/providers/NAME/…_capabilities`."""

    def __init__(self, providers: Sequence[Provider], policy: Policy) -> None:
        self._providers, self._policy = providers, policy

    @documented(Documented(exactly(providers=many(ENTRY))))
    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        """List the providers, each under every name that it is known by."""
        self._policy.enforce(request.context.caller, rule("provider", "get_all"))
        found = {provider.name: _about(provider) for provider in with_aliases(self._providers)}
        response.media = {"providers": _entries(found, request)}

    @documented(Documented(exactly(flavor_capabilities=many(ENTRY))))
    def on_get_flavors(self, request: falcon.Request, response: falcon.Response, provider: str) -> None:
        """List what the data of a flavor profile can say."""
        self._policy.enforce(request.context.caller, rule("provider-flavor", "get_all"))
        response.media = {"flavor_capabilities": self._capabilities("flavor", provider, request)}

    @documented(Documented(exactly(availability_zone_capabilities=many(ENTRY))))
    def on_get_zones(self, request: falcon.Request, response: falcon.Response, provider: str) -> None:
        """List what the data of an availability zone profile can say."""
        self._policy.enforce(request.context.caller, rule("provider-availability-zone", "get_all"))
        found = self._capabilities("availability_zone", provider, request)
        response.media = {"availability_zone_capabilities": found}

    def _capabilities(
        self, kind: Literal["flavor", "availability_zone"], provider: str, request: falcon.Request
    ) -> list[dict[str, Any]]:
        named(self._providers, provider)
        wanted = {name: value for name, value in pairs(request.query_string) if name in FIELDS}
        found = _entries(capabilities(kind), request)
        return [each for each in found if wanted.items() <= each.items()]


def _about(provider: Provider) -> str:
    if provider.name in ALIASES:
        return "Another name of the default provider."
    return f"HAProxy on network nodes{', the default' if provider.default else ''}."


def _entries(found: Mapping[str, str], request: falcon.Request) -> list[dict[str, Any]]:
    asked = [value for name, value in pairs(request.query_string) if name == "fields"]
    fields = wanted_fields(asked, FIELDS)
    return [only({"name": name, "description": about}, fields) for name, about in found.items()]
