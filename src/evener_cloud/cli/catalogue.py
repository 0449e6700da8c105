"""Networks, subnets, ports, routers, floating IPs and security groups, as `neutron` 8.1.0 spells their commands.

Data only, as that of load balancers (`evener.cli.catalogue`). Source: python-neutronclient 8.1.0,
`neutron/v2_0/network.py`, `subnet.py`, `port.py`, `router.py`, `floatingip.py` and `securitygroup.py`. It has options
for extensions that our descriptions do not know, for other servers.
"""

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from evener.cli.descriptions import TRUE_OR_FALSE, Spelling, described, load
from evener.cli.resource import Arg, reference
from evener.cli.values import json_object, lower, true_or_false
from evener_cloud.cli.values import dhcp_option, rules, with_ethertype

_described = partial(described, load(Path(__file__).with_name("resources.json")))
VNIC_TYPES = ("direct", "direct-physical", "macvtap", "normal", "baremetal", "smart-nic")
TO_UPDATE: Mapping[str, Any] = {"create": False, "update": True}
TO_BOTH: Mapping[str, Any] = {"create": True, "update": True}
BOOLEAN: Mapping[str, Any] = {"type": true_or_false, "metavar": TRUE_OR_FALSE}
QOS_POLICY = (
    Arg(
        "--qos-policy",
        "Name or id of a QoS policy to attach.",
        "qos_policy_id",
        refers="policy",
        group="qos",
        **TO_BOTH,
    ),
    Arg("--no-qos-policy", "Detach the QoS policy.", "qos_policy_id", const=None, group="qos", **TO_UPDATE),
)
AVAILABILITY_ZONE = Arg(
    "--availability-zone-hint",
    "Availability zone to prefer.",
    "availability_zone_hints",
    metavar="AVAILABILITY_ZONE",
    repeat=True,
)


def dns(attribute: str) -> tuple[Arg, Arg]:
    """Return the arguments that set and clear a DNS name or domain."""
    flag = attribute.replace("_", "-")
    return (
        Arg(f"--{flag}", "For the DNS integration extension.", group="dns", **TO_BOTH),
        Arg(f"--no-{flag}", "Clear it.", attribute, const="", group="dns", **TO_UPDATE),
    )


NETWORK = _described(
    "network",
    command="net",
    columns="id name subnets",
    joins=(("subnets", "subnet", ("id", "cidr")),),
    spelling=Spelling(
        positional=("name",),
        overrides={
            "shared": {"help": "Let all projects use the network.", "const": True, "update": False},
            "provider:network_type": {"type": None, "choices": None},
        },
        without=frozenset({"router:external"}),
        extra=(
            Arg("--vlan-transparent", "Whether frames with VLAN tags pass.", **BOOLEAN),
            *QOS_POLICY,
            AVAILABILITY_ZONE,
            *dns("dns_domain"),
        ),
    ),
)
SUBNET = _described(
    "subnet",
    columns="id name cidr allocation_pools",
    spelling=Spelling(
        positional=("network_id", "cidr?"),
        overrides={
            "gateway_ip": {"flag": "--gateway"},
            "ip_version": {"help": "IP version, 4 where not given.", "choices": (4, 6), "default": 4},
        },
        without=frozenset({"enable_dhcp"}),
        clears={"gateway_ip": None},
        extra=(
            Arg("--disable-dhcp", "Serve no DHCP.", "enable_dhcp", const=False, group="dhcp", **TO_BOTH),
            Arg("--enable-dhcp", "Serve DHCP.", "enable_dhcp", const=True, group="dhcp", **TO_BOTH),
            # An old spelling that scripts still use.
            Arg("--enable-dhcp=True", "", "enable_dhcp", const=True, hidden=True, **TO_BOTH),
            Arg("--enable-dhcp=False", "", "enable_dhcp", const=False, hidden=True, **TO_BOTH),
            Arg(
                "--subnetpool",
                "Name or id of the subnet pool to take the CIDR from.",
                "subnetpool_id",
                metavar="SUBNETPOOL",
                refers="subnetpool",
                copies=("ip_version",),
            ),
            Arg("--use-default-subnetpool", "Take the CIDR from the default subnet pool.", const=True),
            Arg("--prefixlen", "Length of the prefix to take from the subnet pool.", metavar="PREFIX_LENGTH"),
            Arg("--segment", "Id of the segment.", "segment_id", metavar="SEGMENT", refers="segment"),
        ),
    ),
)
PORT = _described(
    "port",
    columns="id name mac_address fixed_ips",
    spelling=Spelling(
        positional=("network_id",),
        clears={"security_groups": [], "allowed_address_pairs": []},
        extra=(
            Arg(
                "--vnic-type",
                "Kind of the virtual network card.",
                "binding:vnic_type",
                type=lower,
                choices=VNIC_TYPES,
            ),
            Arg("--binding-profile", "JSON object for binding:profile.", "binding:profile", type=json_object),
            Arg(
                "--extra-dhcp-opt",
                "DHCP option as opt_name=NAME,opt_value=VALUE,ip_version={4,6}.",
                "extra_dhcp_opts",
                type=dhcp_option,
                repeat=True,
                **TO_BOTH,
            ),
            *QOS_POLICY,
            *dns("dns_name"),
        ),
    ),
)
ROUTER = _described(
    "router",
    columns="id name external_gateway_info distributed ha",
    formats=(("external_gateway_info", json.dumps),),
    spelling=Spelling(
        positional=("name",),
        without=frozenset({"external_gateway_info"}),
        clears={"routes": None},
        extra=(
            Arg("--flavor", "Name or id of a flavor.", "flavor_id", refers="flavor"),
            AVAILABILITY_ZONE,
        ),
    ),
)
FLOATING_IP = _described(
    "floatingip",
    title="floating IP",
    verbs=("create", "delete", "list", "show"),
    columns="id fixed_ip_address floating_ip_address port_id",
    spelling=Spelling(
        positional=("floating_network_id",),
        overrides={"port_id": {"flag": "--port-id"}},
        extra=(
            Arg("--dns-domain", "For the DNS integration extension."),
            Arg("--dns-name", "For the DNS integration extension."),
        ),
    ),
)


SECURITY_GROUP = _described(
    "security_group",
    columns="id name security_group_rules",
    formats=(("security_group_rules", rules),),
    json_indent=5,
    spelling=Spelling(positional=("name",), without=frozenset({"stateful"})),
)


SECURITY_GROUP_RULE = _described(
    "security_group_rule",
    verbs=("create", "delete", "list", "show"),
    columns="id security_group_id direction ethertype port/protocol remote",
    complete=with_ethertype,
    spelling=Spelling(
        positional=("security_group_id",),
        overrides={
            "direction": {
                "help": "Direction of what the rule lets pass, ingress where not given.",
                "default": "ingress",
            },
            "protocol": {"type": lower},
            "remote_group_id": {"flag": "--remote-group-id"},
        },
    ),
)
KINDS = (
    *(NETWORK, SUBNET, PORT, ROUTER, FLOATING_IP, SECURITY_GROUP, SECURITY_GROUP_RULE),
    reference("policy", "policies", "qos/policies"),
    reference("segment", "segments"),
    reference("subnetpool", "subnetpools"),
)
