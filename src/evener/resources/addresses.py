"""Which addresses of a block hosts may have. Pure arithmetic; knows no network, and asks nobody."""

import ipaddress

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


def host_bounds(block: IPNetwork) -> tuple[int, int]:
    """Return the first and last address that a host may have, as numbers.

    The first address names the network (IPv4) or any router (IPv6, RFC 4291 section 2.6.1), IPv4's last is the
    broadcast address. Blocks of one or two addresses have neither (RFC 3021, RFC 6164).
    """
    first, last = int(block.network_address), int(block.broadcast_address)
    if block.num_addresses <= 2:
        return first, last
    return first + 1, last - (block.version == 4)


def is_host(block: IPNetwork, address: str | IPAddress) -> bool:
    """Return whether a port on `block` may have `address`."""
    parsed = ipaddress.ip_address(address) if isinstance(address, str) else address
    first, last = host_bounds(block)
    return parsed.version == block.version and first <= int(parsed) <= last
