"""Networks, subnets and ports as commands: the arguments and columns of `neutron` 8.1.0. Data only.

Source: python-neutronclient 8.1.0, `neutron/v2_0/network.py`, `subnet.py` and `port.py`.
"""

from evener.cli.describe import Arg, Resource, dhcp_option, json_object, key_values, lower, true_or_false
from evener.cli.lbaas import admin_state, name_and_description

IPV6_MODES = ("dhcpv6-stateful", "dhcpv6-stateless", "slaac")
VNIC_TYPES = ("direct", "direct-physical", "macvtap", "normal", "baremetal", "smart-nic")
TAG_FILTERS = ("tags", "tags_any", "not_tags", "not_tags_any")

QOS_POLICY = (
    Arg(
        "--qos-policy",
        "Name or id of a QoS policy to attach.",
        attr="qos_policy_id",
        update=True,
        refers="policy",
        group="qos",
    ),
    Arg(
        "--no-qos-policy",
        "Detach the QoS policy.",
        attr="qos_policy_id",
        create=False,
        update=True,
        const=None,
        group="qos",
    ),
)


def dns(attribute: str) -> tuple[Arg, Arg]:
    """Return the arguments that set and clear a DNS name or domain."""
    flag = attribute.replace("_", "-")
    return (
        Arg(f"--{flag}", "For the DNS integration extension.", update=True, group="dns"),
        Arg(f"--no-{flag}", "Clear it.", attr=attribute, create=False, update=True, const="", group="dns"),
    )


NETWORK = Resource(
    kind="network",
    plural="networks",
    command="net",
    path="networks",
    title="network",
    columns=("id", "name", "subnets"),
    filters=("name", "admin_state_up", "status", "shared", "router:external", *TAG_FILTERS),
    switches=frozenset({"admin_state_up", "shared", "router:external"}),
    joins=(("subnets", "subnet", ("id", "cidr")),),
    args=(
        Arg("name", "Name of the network.", metavar="NAME"),
        Arg("--name", "New name of the network.", create=False, update=True),
        Arg("--description", "Description of the network.", update=True),
        admin_state("network")[0],
        Arg("--shared", "Let all projects use the network.", const=True),
        Arg("--provider:network_type", "Kind of the network underneath.", metavar="<network_type>"),
        Arg("--provider:physical_network", "Physical network underneath.", metavar="<physical_network_name>"),
        Arg("--provider:segmentation_id", "VLAN or tunnel id underneath.", metavar="<segmentation_id>"),
        Arg(
            "--vlan-transparent",
            "Whether frames with VLAN tags pass.",
            type=true_or_false,
            metavar="{True,False}",
        ),
        *QOS_POLICY,
        Arg(
            "--availability-zone-hint",
            "Availability zone to prefer; may be repeated.",
            attr="availability_zone_hints",
            metavar="AVAILABILITY_ZONE",
            repeat=True,
        ),
        *dns("dns_domain"),
    ),
)

SUBNET = Resource(
    kind="subnet",
    plural="subnets",
    command="subnet",
    path="subnets",
    title="subnet",
    columns=("id", "name", "cidr", "allocation_pools"),
    filters=("name", "network_id", "cidr", "ip_version", "gateway_ip", "enable_dhcp"),
    switches=frozenset({"enable_dhcp"}),
    args=(
        *name_and_description("subnet"),
        Arg(
            "--gateway",
            "Address of the gateway.",
            attr="gateway_ip",
            update=True,
            metavar="GATEWAY_IP",
            group="gateway",
        ),
        Arg(
            "--no-gateway",
            "Have no gateway.",
            attr="gateway_ip",
            update=True,
            const=None,
            group="gateway",
        ),
        Arg(
            "--allocation-pool",
            "Range that addresses are taken from; may be repeated.",
            attr="allocation_pools",
            update=True,
            type=key_values(("start", "end")),
            metavar="start=IP_ADDR,end=IP_ADDR",
            repeat=True,
        ),
        Arg(
            "--host-route",
            "Route for the hosts on the subnet; may be repeated.",
            attr="host_routes",
            update=True,
            type=key_values(("destination", "nexthop")),
            metavar="destination=CIDR,nexthop=IP_ADDR",
            repeat=True,
        ),
        Arg(
            "--dns-nameserver",
            "Name server for the hosts on the subnet; may be repeated.",
            attr="dns_nameservers",
            update=True,
            metavar="DNS_NAMESERVER",
            repeat=True,
        ),
        Arg("--disable-dhcp", "Serve no DHCP.", attr="enable_dhcp", update=True, const=False, group="dhcp"),
        Arg("--enable-dhcp", "Serve DHCP.", attr="enable_dhcp", update=True, const=True, group="dhcp"),
        # An old spelling that scripts still use.
        Arg("--enable-dhcp=True", "", attr="enable_dhcp", update=True, const=True, hidden=True),
        Arg("--enable-dhcp=False", "", attr="enable_dhcp", update=True, const=False, hidden=True),
        Arg("--ip-version", "IP version, 4 where not given.", type=int, choices=(4, 6), default=4),
        Arg(
            "network",
            "Name or id of the network.",
            attr="network_id",
            metavar="NETWORK",
            refers="network",
        ),
        Arg("cidr", "Addresses of the subnet, as 10.0.0.0/24.", metavar="CIDR", nargs="?"),
        Arg("--ipv6-ra-mode", "IPv6 router advertisement mode.", type=lower, choices=IPV6_MODES),
        Arg("--ipv6-address-mode", "How hosts get IPv6 addresses.", type=lower, choices=IPV6_MODES),
        Arg(
            "--subnetpool",
            "Name or id of the subnet pool to take the CIDR from.",
            attr="subnetpool_id",
            metavar="SUBNETPOOL",
            refers="subnetpool",
            copies=("ip_version",),
        ),
        Arg("--use-default-subnetpool", "Take the CIDR from the default subnet pool.", const=True),
        Arg("--prefixlen", "Length of the prefix to take from the subnet pool.", metavar="PREFIX_LENGTH"),
        Arg("--segment", "Id of the segment.", attr="segment_id", metavar="SEGMENT", refers="segment"),
    ),
)

PORT = Resource(
    kind="port",
    plural="ports",
    command="port",
    path="ports",
    title="port",
    columns=("id", "name", "mac_address", "fixed_ips"),
    filters=(
        "name",
        "network_id",
        "mac_address",
        "device_id",
        "device_owner",
        "status",
        "admin_state_up",
        "fixed_ips",
    ),
    switches=frozenset({"admin_state_up"}),
    args=(
        *name_and_description("port"),
        Arg(
            "--fixed-ip",
            "Subnet and/or address the port is to have; may be repeated.",
            attr="fixed_ips",
            update=True,
            type=key_values(optional=("subnet_id", "ip_address")),
            metavar="subnet_id=SUBNET,ip_address=IP_ADDR",
            repeat=True,
            refers="subnet",
            key="subnet_id",
        ),
        Arg("--device-id", "Id of the device that uses the port.", update=True),
        Arg("--device-owner", "Kind of the device that uses the port.", update=True),
        *admin_state("port"),
        Arg("--mac-address", "MAC address."),
        Arg(
            "--vnic-type",
            "Kind of the virtual network card.",
            attr="binding:vnic_type",
            type=lower,
            choices=VNIC_TYPES,
            metavar="<" + " | ".join(VNIC_TYPES) + ">",
        ),
        Arg(
            "--binding-profile", "JSON object for binding:profile.", attr="binding:profile", type=json_object
        ),
        Arg(
            "--security-group",
            "Name or id of a security group; may be repeated.",
            attr="security_groups",
            update=True,
            metavar="SECURITY_GROUP",
            repeat=True,
            refers="security_group",
            group="security",
        ),
        Arg(
            "--no-security-groups",
            "Have no security group.",
            attr="security_groups",
            update=True,
            const=[],
            group="security",
        ),
        Arg(
            "--extra-dhcp-opt",
            "DHCP option as opt_name=NAME,opt_value=VALUE,ip_version={4,6}; may be repeated.",
            attr="extra_dhcp_opts",
            update=True,
            type=dhcp_option,
            repeat=True,
        ),
        *QOS_POLICY,
        Arg(
            "--allowed-address-pair",
            "Another address that may use the port; may be repeated.",
            attr="allowed_address_pairs",
            update=True,
            type=key_values(("ip_address",), ("mac_address",)),
            metavar="ip_address=IP_ADDR|CIDR[,mac_address=MAC_ADDR]",
            repeat=True,
            group="pairs",
        ),
        Arg(
            "--no-allowed-address-pairs",
            "Let no other address use the port.",
            attr="allowed_address_pairs",
            update=True,
            const=[],
            group="pairs",
        ),
        Arg("network", "Name or id of the network.", attr="network_id", metavar="NETWORK", refers="network"),
        *dns("dns_name"),
    ),
)

RESOURCES = (NETWORK, SUBNET, PORT)
