"""Routers, floating IPs and security groups as commands: the arguments and columns of `neutron` 8.1.0. Data only.

Source: python-neutronclient 8.1.0, `neutron/v2_0/router.py`, `floatingip.py` and `securitygroup.py`.
"""

import json
from collections.abc import Mapping
from typing import Any

from evener.cli.describe import Arg, Resource, key_values, lower, true_or_false
from evener.cli.lbaas import admin_state, name_and_description
from evener.cli.rules import line

ROUTER = Resource(
    kind="router",
    plural="routers",
    command="router",
    path="routers",
    title="router",
    columns=("id", "name", "external_gateway_info", "distributed", "ha"),
    filters=("name", "admin_state_up", "status", *("tags", "tags_any", "not_tags", "not_tags_any")),
    switches=frozenset({"admin_state_up"}),
    formats=(("external_gateway_info", json.dumps),),
    args=(
        Arg("name", "Name of the router.", metavar="NAME"),
        Arg("--name", "New name of the router.", create=False, update=True),
        Arg("--description", "Description of the router.", update=True),
        *admin_state("router"),
        Arg("--flavor", "Name or id of a flavor.", attr="flavor_id", refers="flavor"),
        Arg(
            "--distributed",
            "Whether the router is on every host.",
            update=True,
            type=true_or_false,
            metavar="{True,False}",
        ),
        Arg("--ha", "Whether the router is highly available.", type=true_or_false, metavar="{True,False}"),
        Arg(
            "--availability-zone-hint",
            "Availability zone to prefer; may be repeated.",
            attr="availability_zone_hints",
            metavar="AVAILABILITY_ZONE",
            repeat=True,
        ),
        Arg(
            "--route",
            "Route of the router; may be repeated.",
            attr="routes",
            create=False,
            update=True,
            type=key_values(("destination", "nexthop")),
            metavar="destination=CIDR,nexthop=IP_ADDR",
            repeat=True,
            group="routes",
        ),
        Arg(
            "--no-routes",
            "Have no routes but those to the subnets.",
            attr="routes",
            create=False,
            update=True,
            const=None,
            group="routes",
        ),
    ),
)

FLOATING_IP = Resource(
    kind="floatingip",
    plural="floatingips",
    command="floatingip",
    path="floatingips",
    title="floating IP",
    verbs=("create", "delete", "list", "show"),
    named=False,
    columns=("id", "fixed_ip_address", "floating_ip_address", "port_id"),
    filters=(
        "floating_network_id",
        "floating_ip_address",
        "fixed_ip_address",
        "port_id",
        "router_id",
        "status",
    ),
    args=(
        Arg(
            "floating_network",
            "Name or id of the external network that the floating IP is taken from.",
            attr="floating_network_id",
            metavar="FLOATING_NETWORK",
            refers="network",
        ),
        Arg("--description", "Description of the floating IP."),
        Arg("--port-id", "Name or id of the port that the floating IP stands for.", refers="port"),
        Arg("--fixed-ip-address", "Address of the port, where it has several."),
        Arg("--floating-ip-address", "Address that the floating IP is to have."),
        Arg(
            "--subnet",
            "Name or id of the subnet that the address is taken from.",
            attr="subnet_id",
            refers="subnet",
        ),
        Arg("--dns-domain", "For the DNS integration extension."),
        Arg("--dns-name", "For the DNS integration extension."),
    ),
)


def _rules(rules: Any) -> str:
    return "\n".join(sorted(line(rule) for rule in rules or ()))


SECURITY_GROUP = Resource(
    kind="security_group",
    plural="security_groups",
    command="security-group",
    path="security-groups",
    title="security group",
    columns=("id", "name", "security_group_rules"),
    filters=("name", "description"),
    formats=(("security_group_rules", _rules),),
    json_indent=5,
    args=(
        Arg("name", "Name of the security group.", metavar="NAME"),
        Arg("--name", "New name of the security group.", create=False, update=True),
        name_and_description("security group")[1],
    ),
)


def _with_ethertype(body: Mapping[str, Any]) -> dict[str, Any]:
    return {"ethertype": "IPv6" if body.get("protocol") == "icmpv6" else "IPv4", **body}


SECURITY_GROUP_RULE = Resource(
    kind="security_group_rule",
    plural="security_group_rules",
    command="security-group-rule",
    path="security-group-rules",
    title="security group rule",
    verbs=("create", "delete", "list", "show"),
    named=False,
    columns=("id", "security_group_id", "direction", "ethertype", "port/protocol", "remote"),
    filters=(
        "security_group_id",
        "direction",
        "ethertype",
        "protocol",
        "remote_ip_prefix",
        "remote_group_id",
    ),
    complete=_with_ethertype,
    args=(
        Arg(
            "security_group",
            "Name or id of the security group that the rule is for.",
            attr="security_group_id",
            metavar="SECURITY_GROUP",
            refers="security_group",
        ),
        Arg("--description", "Description of the rule."),
        Arg(
            "--direction",
            "Direction of what the rule lets pass, ingress where not given.",
            type=lower,
            choices=("ingress", "egress"),
            default="ingress",
        ),
        Arg("--ethertype", "IPv4 or IPv6; IPv4 where not given, save for the protocol icmpv6."),
        Arg("--protocol", "Protocol: icmp, icmpv6, tcp, udp, or a number from 0 to 255.", type=lower),
        Arg("--port-range-min", "First port; of ICMP the type.", type=int),
        Arg("--port-range-max", "Last port; of ICMP the code.", type=int),
        Arg("--remote-ip-prefix", "Let only these addresses pass, as 10.0.0.0/24."),
        Arg(
            "--remote-group-id",
            "Let only what has this security group pass: its name or id.",
            metavar="REMOTE_GROUP",
            refers="security_group",
        ),
    ),
)

RESOURCES = (ROUTER, FLOATING_IP, SECURITY_GROUP, SECURITY_GROUP_RULE)
