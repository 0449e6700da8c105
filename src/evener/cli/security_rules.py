"""Security group rules as people read them: "443/tcp", "10.0.0.0/24 (CIDR)". Pure.

Source of the forms: python-neutronclient 8.1.0, `neutron/v2_0/securitygroup.py`.
"""

from collections.abc import Mapping
from typing import Any

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
