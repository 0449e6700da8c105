"""What stands at `/networking`: Neutron's discovery, and the collections of LBaaS v2 and of the builtin network."""

from typing import Any

import falcon

from evener.api.agents import AgentCollection, SchedulerViews
from evener.api.answers import Answers
from evener.api.balancer_views import LoadBalancerViews
from evener.api.collections import Collection, Operations, Served, add_collection
from evener.api.documented import LINKS, STRING, Documented, View, documented, exactly, many
from evener.api.flavors import ProfileViews, ProviderViews
from evener.api.openapi import Description
from evener.api.policy import Policy
from evener.api.quotas import QuotaViews
from evener.api.whole import Graphs
from evener.control.administration import Administration
from evener.control.operations import LoadBalancing
from evener.resources.agent import Agent
from evener.resources.describe import Resource
from evener.resources.errors import NotFound
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
from evener_cloud.network.http.routers import RouterOperations, RouterViews
from evener_cloud.network.http.tags import TagViews
from evener_cloud.network.resources.floatingip import FloatingIP
from evener_cloud.network.resources.network import Network
from evener_cloud.network.resources.port import Port
from evener_cloud.network.resources.router import Router
from evener_cloud.network.resources.security_group import SecurityGroup
from evener_cloud.network.resources.security_group_rule import SecurityGroupRule
from evener_cloud.network.resources.subnet import Subnet

PREFIX = "/networking"
V2 = f"{PREFIX}/v2.0"
LBAAS = f"{V2}/lbaas"

# Every collection there is: routes, policy and the OpenAPI document follow from here.
LBAAS_COLLECTIONS = (
    *(Served(cls, LBAAS) for cls in (LoadBalancer, Listener, Pool, HealthMonitor, L7Policy)),
    Served(Member, LBAAS, parent=Pool),
    Served(L7Rule, LBAAS, parent=L7Policy),
)
NETWORK_COLLECTIONS = (
    *(Served(cls, V2, bulk=True) for cls in (Network, Subnet, Port, Router, FloatingIP, SecurityGroup)),
    Served(SecurityGroupRule, V2, verbs=frozenset({"list", "show", "create", "delete"}), bulk=True),
)
TAGGED = tuple(served for served in NETWORK_COLLECTIONS if "tags" in served.cls.model_fields)
ADMINISTRATION_COLLECTIONS = (
    Served(Agent, V2, verbs=frozenset({"list", "show", "update", "delete"})),  # agents register themselves
    Served(Flavor, V2),
    Served(ServiceProfile, V2),
)
COLLECTIONS = (*NETWORK_COLLECTIONS, *LBAAS_COLLECTIONS, *ADMINISTRATION_COLLECTIONS)
KINDS: tuple[type[Resource], ...] = tuple(served.cls for served in COLLECTIONS)

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
    "provider": ("Provider Network", "What a network is underneath"),
    "net-mtu": ("Network MTU", "The attribute mtu of networks"),
    "net-mtu-writable": ("Network MTU (writable)", "mtu may be set and changed"),
    "external-net": ("Neutron external network", "The attribute router:external of networks"),
    "router": ("Neutron L3 Router", "Routers between networks, their gateways outside, and floating IPs"),
    "ext-gw-mode": ("Neutron L3 Configurable external gateway mode", "enable_snat of routers' gateways"),
    "extraroute": ("Neutron Extra Route", "The attribute routes of routers"),
    "extraroute-atomic": ("Atomically add/remove extra routes", "Routes added and removed one by one"),
    "fip-port-details": ("Floating IP Port Details Extension", "The attribute port_details of floating IPs"),
    "quotas": ("Quota management support", "How many of each kind a project may have"),
    "quota_details": ("Quota details management support", "What a project has, next to what it may have"),
    "quota-check-limit": ("Quota engine limit check", "check_limit: no quota below what there is"),
    "agent": ("agent", "Agents: alive or not, enabled or not"),
    "lbaas_agent_schedulerv2": ("Loadbalancer Agent Scheduler V2", "Which agent serves which load balancer"),
    "service-type": ("Neutron Service Type Management", "Service providers"),
    "flavors": ("Neutron Service Flavors", "Flavors and service profiles"),
    "security-group": ("security-group", "The security groups extension."),
    "standard-attr-tag": ("Tag support for resources with standard attribute", "Tags, and lists by them"),
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
                for served in COLLECTIONS
                if served.parent is None
            ]
        }


EXTENSION = exactly(alias=STRING, name=STRING, description=STRING, updated=STRING, links=LINKS)


class Extensions:
    """`/networking/v2.0/extensions`: what this server can do beyond Neutron's core."""

    @documented(Documented(exactly(extensions=many(EXTENSION))))
    def on_get(self, _request: falcon.Request, response: falcon.Response) -> None:
        """List the extensions."""
        response.media = {"extensions": [_extension(alias) for alias in EXTENSIONS]}

    @documented(Documented(exactly(extension=EXTENSION)))
    def on_get_one(self, _request: falcon.Request, response: falcon.Response, alias: str) -> None:
        """Show one extension."""
        if alias not in EXTENSIONS:
            raise NotFound(f"Extension with alias {alias} does not exist", "ExtensionNotFound")
        response.media = {"extension": _extension(alias)}


def _extension(alias: str) -> dict[str, Any]:
    name, description = EXTENSIONS[alias]
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
    *(View(f"{served.path_of_one}/tags", TagViews) for served in TAGGED),
    *(View(f"{served.path_of_one}/tags/{{tag}}", TagViews, "one") for served in TAGGED),
    View(f"{V2}/routers/{{object_id}}/add_router_interface", RouterViews, "add_interface"),
    View(f"{V2}/routers/{{object_id}}/remove_router_interface", RouterViews, "remove_interface"),
    View(f"{V2}/routers/{{object_id}}/add_extraroutes", RouterViews, "add_routes"),
    View(f"{V2}/routers/{{object_id}}/remove_extraroutes", RouterViews, "remove_routes"),
)


def add_routes(
    app: falcon.App[Any, Any],
    balancing: LoadBalancing,
    network: RouterOperations | None,
    administration: Administration,
    policy: Policy,
    largest_body: int,
    answers: Answers,
    identity: Identity,
) -> None:
    """Add everything below `/networking`; the network's own collections only where `network` serves them."""
    operations: dict[type[Resource], Operations] = {
        **{served.cls: balancing for served in LBAAS_COLLECTIONS},
        Agent: administration.agents,
        Flavor: administration.flavors,
        ServiceProfile: administration.flavors,
    }
    if network is not None:
        operations |= {served.cls: network for served in NETWORK_COLLECTIONS}
    served_here = tuple(served for served in COLLECTIONS if served.cls in operations)
    views: dict[type[Any], Any] = {
        Description: Description(served_here, VIEWS),
        Versions: Versions(),
        Version: Version(),
        Extensions: Extensions(),
        LoadBalancerViews: LoadBalancerViews(balancing, policy),
        Graphs: Graphs(balancing, policy, largest_body),
        SchedulerViews: SchedulerViews(administration.agents, policy),
        ProviderViews: ProviderViews(administration.providers, policy),
        ProfileViews: ProfileViews(administration.flavors, policy, largest_body),
        QuotaViews: QuotaViews(administration.quotas, identity, policy, largest_body),
    }
    if network is not None:
        views[RouterViews] = RouterViews(network, policy, largest_body)
        kinds = [served.cls for served in TAGGED]
        views[TagViews] = TagViews(network, policy, kinds, largest_body)
    for view in VIEWS:
        if view.handlers not in views:
            continue
        app.add_route(view.path, views[view.handlers], suffix=view.suffix or None)
    for served in served_here:
        bulk, bounds = network if served.bulk else None, balancing.bounds
        operation = operations[served.cls]
        kind = AgentCollection if served.cls is Agent else Collection
        collection = kind(served.cls, operation, policy, largest_body, answers, bulk, bounds)
        add_collection(app, served, collection)
