"""A security group rule: packets that ports of its group may receive or send. What it may say is Neutron's.

From openstack/neutron, `extensions/securitygroup.py` and `db/securitygroups_db.py`; a protocol's number from IANA.
"""

import ipaddress
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, WithJsonSchema

from evener.resources.describe import ONCE, Attr, Resource
from evener.resources.errors import InvalidInput
from evener.resources.types import Description, ProjectId, Text, Uuid
from evener.resources.validation_messages import shown
from evener_cloud.network.resources.errors import (
    InvalidCIDR,
    SecurityGroupEthertypeConflictWithProtocol,
    SecurityGroupInvalidIcmpValue,
    SecurityGroupInvalidPortRange,
    SecurityGroupInvalidPortValue,
    SecurityGroupInvalidProtocolForPort,
    SecurityGroupMissingIcmpType,
    SecurityGroupProtocolRequiredWithPorts,
    SecurityGroupRemoteGroupAndRemoteIpPrefix,
    SecurityGroupRuleInvalidEtherType,
    SecurityGroupRuleInvalidProtocol,
    SecurityGroupRuleParameterConflict,
)

PROTOCOLS: Mapping[str, int] = MappingProxyType(
    {
        "ah": 51,
        "dccp": 33,
        "egp": 8,
        "esp": 50,
        "gre": 47,
        "hopopt": 0,
        "icmp": 1,
        "icmpv6": 58,
        "igmp": 2,
        "ip": 0,
        "ipip": 4,
        "ipv6-encap": 41,
        "ipv6-frag": 44,
        "ipv6-icmp": 58,
        "ipv6-nonxt": 59,
        "ipv6-opts": 60,
        "ipv6-route": 43,
        "ospf": 89,
        "pgm": 113,
        "rsvp": 46,
        "sctp": 132,
        "tcp": 6,
        "udp": 17,
        "udplite": 136,
        "vrrp": 112,
    }
)
ICMP, ICMPV6 = 1, 58
WITH_PORTS = frozenset({"dccp", "sctp", "tcp", "udp", "udplite"})
ONLY_IPV6 = frozenset({41, 43, 44, 58, 59, 60})
HIGHEST_PORT = 65535


class Direction(StrEnum):
    """Whether a rule is about what comes in or what goes out."""

    INGRESS = "ingress"
    EGRESS = "egress"


class Ethertype(StrEnum):
    """The IP version that a rule is about."""

    IPV4 = "IPv4"
    IPV6 = "IPv6"

    @property
    def ip_version(self) -> int:
        """The number of the version."""
        return 4 if self is Ethertype.IPV4 else 6


def _number(value: Any, highest: int) -> int | None:
    """Return `value` as a number from 0 to `highest`, or None where it is none."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 5:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= highest else None


def _protocol(value: Any) -> str | None:
    name = value.lower() if isinstance(value, str) else value
    if name is None or name == "any":
        return None
    number = _number(name, 255)
    if number is not None:
        return str(number)
    if isinstance(name, str) and name in PROTOCOLS:
        return name
    raise SecurityGroupRuleInvalidProtocol(
        f"Security group rule protocol {shown(value)} not supported. Only protocol values any, "
        f"{', '.join(PROTOCOLS)} and integer representations [0 to 255] are supported.",
    )


def _ethertype(value: Any) -> Ethertype:
    for each in Ethertype:
        if isinstance(value, str) and value.lower() == each.lower():
            return each
    raise SecurityGroupRuleInvalidEtherType(
        f"Security group rule for ethertype '{shown(value)}' not supported. Allowed values are "
        f"{', '.join(Ethertype)}.",
    )


def _port(value: Any) -> int | None:
    number = _number(value, HIGHEST_PORT)
    if value is not None and number is None:
        raise _invalid_port(shown(value))
    return number


def _prefix(value: Any) -> str | None:
    """Return a block with its length, and with the bits of the host where they are given, as Neutron does."""
    if value is None or value == "":
        return None
    try:
        if not isinstance(value, str) or "%" in value:
            raise ValueError
        return str(ipaddress.ip_interface(value).with_prefixlen)
    except ValueError:
        raise InvalidCIDR(f"Invalid CIDR {shown(value)} given as IP prefix.") from None


_TEXT_OR_NUMBER: dict[str, Any] = {"anyOf": [{"type": kind} for kind in ("string", "integer", "null")]}
_WHEN_GIVEN = Attr(create=True, nullable=True)
_GivenPort = Annotated[
    int | None, BeforeValidator(_port), WithJsonSchema(_TEXT_OR_NUMBER, mode="validation"), _WHEN_GIVEN
]


class SecurityGroupRule(Resource):
    """The attributes of the Networking API's security group rules. A rule belongs to the project of its group.

    For ICMP, `port_range_min` and `port_range_max` are the type and the code.
    """

    KIND: ClassVar[str] = "security_group_rule"
    PLURAL: ClassVar[str] = "security_group_rules"
    LIMIT: ClassVar[int | None] = 100
    PATH: ClassVar[str] = "security-group-rules"

    project_id: Annotated[ProjectId, ONCE]
    security_group_id: Annotated[Uuid, Attr(create=True, references="security_groups")]
    """The security group that the rule is for."""
    direction: Annotated[Direction, ONCE]
    """Direction of what the rule lets pass, ingress or egress."""
    ethertype: Annotated[
        Ethertype, BeforeValidator(_ethertype), WithJsonSchema({"type": "string"}, mode="validation"), ONCE
    ] = Ethertype.IPV4
    """IPv4 or IPv6; IPv4 where not given, save for the protocol icmpv6."""
    protocol: Annotated[
        Annotated[str, Text(10)] | None,
        BeforeValidator(_protocol),
        WithJsonSchema(_TEXT_OR_NUMBER, mode="validation"),
        _WHEN_GIVEN,
    ] = None
    """Protocol: icmp, icmpv6, tcp, udp, or a number from 0 to 255."""
    port_range_min: _GivenPort = None
    """First port; of ICMP the type."""
    port_range_max: _GivenPort = None
    """Last port; of ICMP the code."""
    remote_ip_prefix: Annotated[Annotated[str, Text(64)] | None, BeforeValidator(_prefix), _WHEN_GIVEN] = None
    """Let only these addresses pass, as 10.0.0.0/24."""
    remote_group_id: Annotated[
        Uuid | None, Attr(create=True, nullable=True, references="security_groups")
    ] = None
    """The security group whose ports alone may pass."""
    description: Annotated[Description, ONCE] = ""

    @classmethod
    def check(cls, values: dict[str, Any]) -> None:
        """Protocol, ports, IP version and remote fit each other.

        Raises:
            InvalidInput: with Neutron's type for what does not fit.
        """
        _check_ports(values["protocol"], values["port_range_min"], values["port_range_max"])
        ethertype, prefix = values["ethertype"], values["remote_ip_prefix"]
        if prefix is not None and ipaddress.ip_interface(prefix).version != ethertype.ip_version:
            raise SecurityGroupRuleParameterConflict(
                f"Conflicting value ethertype {ethertype} for CIDR {prefix}",
            )
        if ethertype is Ethertype.IPV4 and protocol_number(values["protocol"]) in ONLY_IPV6:
            raise SecurityGroupEthertypeConflictWithProtocol(
                f"Invalid ethertype {ethertype} for protocol {values['protocol']}.",
            )
        if prefix is not None and values["remote_group_id"] is not None:
            raise SecurityGroupRemoteGroupAndRemoteIpPrefix(
                "Only remote_ip_prefix or remote_group_id may be provided.",
            )

    def meaning(self) -> tuple[Any, ...]:
        """Return what the rule says, the same for all ways to say it."""
        prefix = None if self.remote_ip_prefix is None else str(network_of(self.remote_ip_prefix))
        return (
            self.direction,
            self.ethertype,
            protocol_number(self.protocol),
            self.port_range_min,
            self.port_range_max,
            None if prefix in ("0.0.0.0/0", "::/0") else prefix,
            self.remote_group_id,
        )


def with_own_icmp(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return `values` with IPv6's own ICMP in place of IPv4's, which users give for both."""
    number = {"icmp": "ipv6-icmp", "icmpv6": "ipv6-icmp", str(ICMP): str(ICMPV6)}
    if values["ethertype"] is not Ethertype.IPV6 or values["protocol"] not in number:
        return dict(values)
    return {**values, "protocol": number[values["protocol"]]}


def protocol_number(protocol: str | None) -> int | None:
    """Return the number of a protocol that is given by name or number; None is any."""
    if protocol is None:
        return None
    return PROTOCOLS[protocol] if protocol in PROTOCOLS else int(protocol)


def network_of(prefix: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """Return the block that an address with a length is in."""
    return ipaddress.ip_network(prefix, strict=False)


def _invalid_port(port: str) -> InvalidInput:
    return SecurityGroupInvalidPortValue(f"Invalid value for port {port}")


def _check_ports(protocol: str | None, low: int | None, high: int | None) -> None:
    if low is None and high is None:
        return
    if protocol is None:
        raise SecurityGroupProtocolRequiredWithPorts("Must also specify protocol if port range is given.")
    number = protocol_number(protocol)
    if number in (ICMP, ICMPV6):
        _check_icmp(low, high)
    elif number not in {PROTOCOLS[name] for name in WITH_PORTS}:
        raise SecurityGroupInvalidProtocolForPort(
            f"Ports cannot be specified for protocol {protocol}. Ports are only supported for "
            f"{', '.join(sorted(WITH_PORTS)).upper()}.",
        )
    elif 0 in (low, high):
        raise _invalid_port("0")
    elif low is None or high is None or low > high:
        raise SecurityGroupInvalidPortRange("For TCP/UDP protocols, port_range_min must be <= port_range_max")


def _check_icmp(kind: int | None, code: int | None) -> None:
    for value, field, name in ((kind, "type", "port_range_min"), (code, "code", "port_range_max")):
        if value is not None and value > 255:
            raise SecurityGroupInvalidIcmpValue(
                f"Invalid value for ICMP {field} ({name}) {value}. It must be 0 to 255.",
            )
    if kind is None:
        raise SecurityGroupMissingIcmpType(
            f"ICMP code (port-range-max) {code} is provided but ICMP type (port-range-min) is missing.",
        )
