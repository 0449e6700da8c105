"""What people write for values of networks, and how they read security group rules: "443/tcp". Pure.

Source of the forms: python-neutronclient 8.1.0, `neutron/v2_0/port.py` and `securitygroup.py`.
"""

import argparse
from collections.abc import Mapping
from typing import Any

from evener.cli.values import key_values

Rule = Mapping[str, Any]


def remote(rule: Rule) -> str:
    """Return from or to where packets may pass."""
    if rule.get("remote_ip_prefix"):
        return f"{rule['remote_ip_prefix']} (CIDR)"
    return f"{rule['remote_group_id']} (group)" if rule.get("remote_group_id") else "any"


def service(rule: Rule) -> str:
    """Return the protocol with its ports, or type and code; "" for any protocol."""
    protocol = rule.get("protocol")
    first, last = rule.get("port_range_min"), rule.get("port_range_max")
    if protocol in ("tcp", "udp") and first:
        return f"{first}/{protocol}" if first == last else f"{first}-{last}/{protocol}"
    if protocol == "icmp":
        parts = [f"{name}:{value}" for name, value in (("type", first), ("code", last)) if value is not None]
        return f"icmp ({', '.join(parts)})" if parts else "icmp"
    return str(protocol or "")


def line(rule: Rule) -> str:
    """Return the whole rule as one line."""
    parts = [rule.get("direction"), rule.get("ethertype"), service(rule)]
    parts += [f"{name}: {rule[name]}" for name in ("remote_ip_prefix", "remote_group_id") if rule.get(name)]
    return ", ".join(str(part) for part in parts if part)


def rules(found: Any) -> str:
    """Return the rules of a group, a line each."""
    return "\n".join(sorted(line(rule) for rule in found or ()))


def with_ethertype(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of a new rule with its ethertype, as it follows from the protocol where none is given."""
    return {"ethertype": "IPv6" if body.get("protocol") == "icmpv6" else "IPv4", **body}


def dhcp_option(text: str) -> dict[str, str | None]:
    """Return the mapping of an extra DHCP option, "null" as its value meaning None.

    Raises:
        ArgumentTypeError: for other keys, or a name with neither value nor version.
    """
    found = key_values(("opt_name",), ("opt_value", "ip_version"))(text)
    if len(found) < 2:
        raise argparse.ArgumentTypeError("opt_name needs opt_value or ip_version with it")
    return {key: None if key == "opt_value" and value == "null" else value for key, value in found.items()}
