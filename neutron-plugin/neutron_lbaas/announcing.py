"""Makes the extensions that `announced.py` names, and the routes of what is passed on."""

from collections.abc import Callable
from typing import Any

from neutron.api import extensions
from neutron_lib.api.extensions import ExtensionDescriptor
from oslo_config import cfg

from neutron_lbaas import agents
from neutron_lbaas.announced import EXTENSIONS
from neutron_lbaas.evener_api import EvenerApi
from neutron_lbaas.forwarding import Answer, Ask, Environment, Forwarding

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
SINCE = "2014-06-18T10:00:00-00:00"


def _nothing() -> list[Any]:
    return []


def below_lbaas() -> list[Any]:
    """Return the route of all that stands below `/v2.0/lbaas/`."""
    methods = {method.lower(): method for method in METHODS}
    return [
        extensions.ResourceExtension(
            "{rest:.*}",
            _forwarding(agents.by_neutron_s_ids),
            path_prefix="/lbaas",
            collection_methods=methods,
        )
    ]


def of_agents() -> list[Any]:
    """Return the route of `/v2.0/agents/ID/agent-loadbalancers`."""
    parent = {"member_name": "agent", "collection_name": "agents"}
    return [
        extensions.ResourceExtension(
            "agent-loadbalancers", _forwarding(agents.loadbalancers_of_agent), parent=parent
        )
    ]


def _forwarding(how: Callable[[Ask, Environment], Answer]) -> Forwarding:
    return Forwarding(EvenerApi(cfg.CONF), cfg.CONF, how)


def extension(alias: str, routes: Callable[[], list[Any]] = _nothing) -> type[Any]:
    """Return the class of an extension; no attributes are declared, so Neutron looks into no body of it."""
    name, description = EXTENSIONS[alias]

    class Announced(ExtensionDescriptor):  # type: ignore[misc] # neutron-lib has no types
        @classmethod
        def get_name(cls) -> str:
            return name

        @classmethod
        def get_alias(cls) -> str:
            return alias

        @classmethod
        def get_description(cls) -> str:
            return description

        @classmethod
        def get_updated(cls) -> str:
            return SINCE

        @classmethod
        def get_resources(cls) -> list[Any]:
            return routes()

    return Announced
