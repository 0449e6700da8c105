"""The Networking API of the builtin network: its collections and what is done with them, beside load balancing's."""

from evener.api.collections import Served
from evener.api.dialects.lbaas import WRITING
from evener.api.documented import View
from evener.api.networking import LOAD_BALANCING, V2, Api, Behind
from evener.api.policy import Policy
from evener_cloud.network.http.routers import RouterOperations, RouterViews
from evener_cloud.network.http.tags import TagViews
from evener_cloud.network.resources.floatingip import FloatingIP
from evener_cloud.network.resources.network import Network
from evener_cloud.network.resources.port import Port
from evener_cloud.network.resources.router import Router
from evener_cloud.network.resources.security_group import SecurityGroup
from evener_cloud.network.resources.security_group_rule import SecurityGroupRule
from evener_cloud.network.resources.subnet import Subnet

COLLECTIONS = (
    *(Served(cls, V2, bulk=True) for cls in (Network, Subnet, Port, Router, FloatingIP, SecurityGroup)),
    Served(SecurityGroupRule, V2, verbs=frozenset({"list", "show", "create", "delete"}), bulk=True),
)
TAGGED = tuple(served for served in COLLECTIONS if "tags" in served.cls.model_fields)
EXTENSIONS = {
    "provider": ("Provider Network", "What a network is underneath"),
    "net-mtu": ("Network MTU", "The attribute mtu of networks"),
    "net-mtu-writable": ("Network MTU (writable)", "mtu may be set and changed"),
    "external-net": ("Neutron external network", "The attribute router:external of networks"),
    "router": ("Neutron L3 Router", "Routers between networks, their gateways outside, and floating IPs"),
    "ext-gw-mode": ("Neutron L3 Configurable external gateway mode", "enable_snat of routers' gateways"),
    "extraroute": ("Neutron Extra Route", "The attribute routes of routers"),
    "extraroute-atomic": ("Atomically add/remove extra routes", "Routes added and removed one by one"),
    "fip-port-details": ("Floating IP Port Details Extension", "The attribute port_details of floating IPs"),
    "security-group": ("security-group", "The security groups extension."),
    "standard-attr-tag": ("Tag support for resources with standard attribute", "Tags, and lists by them"),
}
RULES = {
    "add_router_interface": (WRITING, "Put a router on a subnet"),
    "remove_router_interface": (WRITING, "Take a router off a subnet"),
    "add_extraroutes": (WRITING, "Give a router more routes"),
    "remove_extraroutes": (WRITING, "Take routes from a router"),
}
VIEWS = (
    *(View(f"{served.path_of_one}/tags", TagViews) for served in TAGGED),
    *(View(f"{served.path_of_one}/tags/{{tag}}", TagViews, "one") for served in TAGGED),
    View(f"{V2}/routers/{{object_id}}/add_router_interface", RouterViews, "add_interface"),
    View(f"{V2}/routers/{{object_id}}/remove_router_interface", RouterViews, "remove_interface"),
    View(f"{V2}/routers/{{object_id}}/add_extraroutes", RouterViews, "add_routes"),
    View(f"{V2}/routers/{{object_id}}/remove_extraroutes", RouterViews, "remove_routes"),
)
NETWORKING = Api(COLLECTIONS, VIEWS, EXTENSIONS, RULES) + LOAD_BALANCING


def behind(network: RouterOperations, policy: Policy, largest_body: int) -> Behind:
    """Return who does what the network's part of the API says."""
    kinds = [served.cls for served in TAGGED]
    return Behind(
        {served.cls: network for served in COLLECTIONS},
        (RouterViews(network, policy, largest_body), TagViews(network, policy, kinds, largest_body)),
    )
