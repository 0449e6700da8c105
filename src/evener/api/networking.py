"""What stands at `/networking`: Neutron's discovery, the collections of LBaaS v2, and what others add to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import falcon

from evener.api.agents import AgentCollection, SchedulerViews
from evener.api.answer_cache import AnswerCache
from evener.api.balancer_views import LoadBalancerViews
from evener.api.collections import READ_ONLY, Collection, Operations, Served, add_collections
from evener.api.configurations import ConfigurationViews
from evener.api.dialects.lbaas import ADMINISTRATION, READING
from evener.api.dialects.lbaas import LBAAS as LBAAS_V2
from evener.api.documented import LINKS, STRING, Documented, View, documented, exactly, many
from evener.api.flavors import ProfileViews, ProviderViews
from evener.api.openapi import Description
from evener.api.policy import Policy
from evener.api.quotas import QuotaViews
from evener.api.single_call import Graphs
from evener.control.administration import Administration
from evener.control.operations import LoadBalancing
from evener.resources.agent import Agent
from evener.resources.describe import Resource
from evener.resources.errors import NotFound
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
from evener.services.identity import Identity

PREFIX = "/networking"
V2 = f"{PREFIX}/v2.0"
LBAAS = f"{V2}/lbaas"

ABOUT = "Load balancing as a service: Neutron's LBaaS v2, and networks where they are builtin."

LBAAS_COLLECTIONS = (
    *(Served(cls, LBAAS) for cls in (LoadBalancer, Listener, Pool, HealthMonitor, L7Policy)),
    Served(Member, LBAAS, parent=Pool),
    Served(L7Rule, LBAAS, parent=L7Policy),
)
EVENTS = Served(Event, LBAAS, parent=LoadBalancer, verbs=READ_ONLY)
ADMINISTRATION_COLLECTIONS = (
    Served(Agent, V2, verbs=frozenset({"list", "show", "update", "delete"})),  # agents register themselves
    Served(Flavor, V2),
    Served(ServiceProfile, V2),
)


@dataclass(frozen=True, slots=True)
class Api:
    """What an API consists of: routes, policy and the OpenAPI document follow from here.

    `extensions` are names and descriptions by alias; `rules` what is no operation on a collection: who may by default,
    and what.
    """

    collections: tuple[Served, ...]
    views: tuple[View, ...]
    extensions: Mapping[str, tuple[str, str]]
    rules: Mapping[str, tuple[str, str]]

    @property
    def kinds(self) -> tuple[type[Resource], ...]:
        """The kinds of objects that there are."""
        return tuple(served.cls for served in self.collections)

    def __add__(self, other: "Api") -> "Api":
        return Api(
            self.collections + other.collections,
            self.views + other.views,
            {**self.extensions, **other.extensions},
            {**self.rules, **other.rules},
        )


class Behind(NamedTuple):
    """Who does what an API says: the operations on each kind, and the handlers of views."""

    operations: Mapping[type[Resource], Operations]
    views: Sequence[object]


GET_CONFIGURATION = "get_loadbalancer-configuration"
RULES = {
    "get_quota": (ADMINISTRATION, "List quotas, and show those of other projects"),
    "update_quota": (ADMINISTRATION, "Set quotas of a project"),
    "delete_quota": (ADMINISTRATION, "Give a project the default quotas again"),
    "get_agent-loadbalancers": (ADMINISTRATION, "List the load balancers that an agent serves"),
    "get_loadbalancer-hosting-agent": (ADMINISTRATION, "Show the agent that serves a load balancer"),
    GET_CONFIGURATION: (ADMINISTRATION, "Show by what a load balancer is configured on its hosts"),
    "get_service_provider": (READING, "List the service providers"),
    "create_flavor_service_profile": (ADMINISTRATION, "Give a flavor a service profile"),
    "delete_flavor_service_profile": (ADMINISTRATION, "Take a service profile from a flavor"),
}
# alias: (name, description), as openstack/neutron-lbaas and neutron-lib declare them.
EXTENSIONS = {
    "lbaasv2": ("LoadBalancing service v2", "Load balancers, listeners, pools, members and health monitors"),
    "shared_pools": ("Shared pools for LBaaSv2", "Pools that several listeners of a load balancer use"),
    "l7": ("L7 capabilities for LBaaSv2", "L7 policies and rules"),
    "lb-graph": ("Load Balancer Graph", "A load balancer with all below it in one request"),
    "lb_network_vip": (
        "Create loadbalancer with network_id",
        "A VIP on the first fitting subnet of a network",
    ),
    "hm_max_retries_down": ("Add a fall threshold to health monitor", "The attribute max_retries_down"),
    "quotas": ("Quota management support", "How many of each kind a project may have"),
    "quota_details": ("Quota details management support", "What a project has, next to what it may have"),
    "quota-check-limit": ("Quota engine limit check", "check_limit: no quota below what there is"),
    "agent": ("agent", "Agents: alive or not, enabled or not"),
    "lbaas_agent_schedulerv2": ("Loadbalancer Agent Scheduler V2", "Which agent serves which load balancer"),
    "service-type": ("Neutron Service Type Management", "Service providers"),
    "flavors": ("Neutron Service Flavors", "Flavors and service profiles"),
    "project-id": ("project_id field enabled", "project_id next to tenant_id"),
    "sorting": ("Sorting support", "sort_key and sort_dir on lists"),
    "pagination": ("Pagination support", "limit, marker and page_reverse on lists"),
}


class Versions:
    """`/networking`: the API's versions, for clients that discover."""

    @documented(Documented(exactly(versions=many(exactly(id=STRING, status=STRING, links=LINKS))), open=True))
    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        """List the versions."""
        href = f"{request.context.base_url}{V2}/"
        response.media = {
            "versions": [{"id": "v2.0", "status": "CURRENT", "links": [{"rel": "self", "href": href}]}]
        }


class Version:
    """`/networking/v2.0`: the collections of the version."""

    def __init__(self, collections: Sequence[Served]) -> None:
        self._collections = collections

    @documented(Documented(exactly(resources=many(exactly(name=STRING, collection=STRING, links=LINKS)))))
    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        """List the collections."""
        response.media = {
            "resources": [
                {
                    "name": served.cls.KIND,
                    "collection": served.cls.path(),
                    "links": [{"rel": "self", "href": f"{request.context.base_url}{served.path}"}],
                }
                for served in self._collections
                if served.parent is None
            ]
        }


EXTENSION = exactly(alias=STRING, name=STRING, description=STRING, updated=STRING, links=LINKS)


class ExtensionNotFound(NotFound):
    """There is no such extension."""


class Extensions:
    """`/networking/v2.0/extensions`: what this server can do beyond Neutron's core."""

    def __init__(self, extensions: Mapping[str, tuple[str, str]]) -> None:
        self._extensions = extensions

    @documented(Documented(exactly(extensions=many(EXTENSION))))
    def on_get(self, _request: falcon.Request, response: falcon.Response) -> None:
        """List the extensions."""
        response.media = {"extensions": [self._shown(alias) for alias in self._extensions]}

    @documented(Documented(exactly(extension=EXTENSION)))
    def on_get_one(self, _request: falcon.Request, response: falcon.Response, alias: str) -> None:
        """Show one extension."""
        if alias not in self._extensions:
            raise ExtensionNotFound(f"Extension with alias {alias} does not exist")
        response.media = {"extension": self._shown(alias)}

    def _shown(self, alias: str) -> dict[str, Any]:
        name, description = self._extensions[alias]
        return {
            "alias": alias,
            "name": name,
            "description": description,
            "updated": "2018-01-31T10:00:00-00:00",
            "links": [],
        }


VIEWS = (
    View(f"{V2}/openapi.json", Description),
    View(PREFIX, Versions),
    View(f"{PREFIX}/", Versions),
    View(V2, Version),
    View(f"{V2}/", Version),
    View(f"{V2}/extensions", Extensions),
    View(f"{V2}/extensions/{{alias}}", Extensions, "one"),
    View(f"{LBAAS}/loadbalancers/{{object_id}}/statuses", LoadBalancerViews, "statuses"),
    View(f"{LBAAS}/loadbalancers/{{object_id}}/stats", LoadBalancerViews, "stats"),
    View(f"{LBAAS}/loadbalancers/{{object_id}}/configuration", ConfigurationViews),
    View(f"{LBAAS}/graphs", Graphs),
    View(f"{LBAAS}/loadbalancers/{{object_id}}/loadbalancer-hosting-agent", SchedulerViews, "agent"),
    View(f"{V2}/agents/{{object_id}}/agent-loadbalancers", SchedulerViews, "loadbalancers"),
    View(f"{V2}/service-providers", ProviderViews),
    View(f"{V2}/flavors/{{object_id}}/service_profiles", ProfileViews),
    View(f"{V2}/flavors/{{object_id}}/service_profiles/{{profile_id}}", ProfileViews, "one"),
    View(f"{V2}/quotas", QuotaViews),
    View(f"{V2}/quotas/tenant", QuotaViews, "tenant"),
    View(f"{V2}/quotas/project", QuotaViews, "project"),
    View(f"{V2}/quotas/{{project_id}}", QuotaViews, "one"),
    View(f"{V2}/quotas/{{project_id}}/default", QuotaViews, "default"),
    View(f"{V2}/quotas/{{project_id}}/details", QuotaViews, "details"),
    View(f"{V2}/quotas/{{project_id}}/details.json", QuotaViews, "details"),
)
LOAD_BALANCING = Api((*LBAAS_COLLECTIONS, EVENTS, *ADMINISTRATION_COLLECTIONS), VIEWS, EXTENSIONS, RULES)


def add_routes(
    app: falcon.App[Any, Any],
    balancing: LoadBalancing,
    administration: Administration,
    policy: Policy,
    largest_body: int,
    answers: AnswerCache,
    identity: Identity,
    api: Api = LOAD_BALANCING,
    others: Behind = Behind({}, ()),  # noqa: B008 - it never changes
) -> None:
    """Add everything below `/networking`: `api`, of which `others` do what is not load balancing."""
    operations: dict[type[Resource], Operations] = {
        **{served.cls: balancing for served in LBAAS_COLLECTIONS},
        Event: administration.events,
        Agent: administration.agents,
        Flavor: administration.flavors,
        ServiceProfile: administration.flavors,
        **others.operations,
    }
    quotas = administration.quotas.of_kinds(cls for cls in api.kinds if cls not in LBAAS_V2.form.unlimited)
    handlers: tuple[object, ...] = (
        Description(api.collections, api.views, LBAAS_V2, ABOUT),
        Versions(),
        Version(api.collections),
        Extensions(api.extensions),
        LoadBalancerViews(balancing, policy),
        ConfigurationViews(administration.configurations, policy, GET_CONFIGURATION),
        Graphs(balancing, policy, largest_body),
        SchedulerViews(administration.agents, policy),
        ProviderViews(administration.providers, policy),
        ProfileViews(administration.flavors, policy, largest_body),
        QuotaViews(quotas, identity, policy, largest_body),
        *others.views,
    )
    by_class = {type(each): each for each in handlers}
    for view in api.views:
        app.add_route(view.path, by_class[view.handlers], suffix=view.suffix or None)
    kinds: dict[type[Resource], type[Collection]] = {Agent: AgentCollection}
    add_collections(app, api.collections, operations, policy, largest_body, answers, balancing.bounds, kinds)
