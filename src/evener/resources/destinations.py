"""Which addresses no member may have: those that lead to the node itself, or to what its operator keeps from projects.

Decides by the address alone. Knows no network, and asks nobody.
"""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from evener.resources.errors import InvalidInput

Address = IPv4Address | IPv6Address
Range = IPv4Network | IPv6Network

# Of the IANA's registries of special addresses those to which a packet never leaves the host, or goes to many.
_NO_HOST: tuple[tuple[Range, str], ...] = tuple(
    (ip_network(block), what)
    for block, what in (
        ("0.0.0.0/8", "no address of a host, but of this one"),
        ("127.0.0.0/8", "a loopback address"),
        ("224.0.0.0/4", "a multicast address"),
        ("255.255.255.255/32", "the broadcast address"),
        ("::/128", "no address of a host, but of this one"),
        ("::1/128", "a loopback address"),
        ("::/96", "an IPv4 address written as one of IPv6; give the IPv4 address"),
        ("::ffff:0:0/96", "an IPv4 address written as one of IPv6; give the IPv4 address"),
        ("fe80::/10", "a link-local address, which means nothing without an interface"),
        ("ff00::/8", "a multicast address"),
    )
)
_NO_HOST_OF = {version: tuple(each for each in _NO_HOST if each[0].version == version) for version in (4, 6)}
_TRANSLATED = IPv6Network("64:ff9b::/96")  # RFC 6052: a router sends it to the IPv4 address in its end
# Clouds' metadata and link-local services, which tell secrets to who reaches them from a node.
DEFAULT_RESERVED = ("169.254.0.0/16", "fd00:ec2::254")


def ranges(texts: Iterable[str]) -> tuple[Range, ...]:
    """Return addresses and blocks, as "169.254.169.254" or "fd00:ec2::/64", as blocks.

    Raises:
        ValueError: naming the one that is neither.
    """
    found = []
    for text in texts:
        try:
            found.append(ip_network(text.strip()))
        except ValueError:
            raise ValueError(f"'{text[:80]}' is neither an address nor a block like 10.0.0.0/8") from None
    return tuple(found)


def why_not(address: Address, reserved: Sequence[Range]) -> str | None:
    """Return what keeps `address` from being a member's, with the `reserved` blocks; None where nothing does."""
    for block, what in _NO_HOST_OF[address.version]:
        if address in block:
            return what
    if isinstance(address, IPv6Address) and address in _TRANSLATED:
        behind = ip_address(int(address) & 0xFFFFFFFF)
        inner = why_not(behind, reserved)
        if inner is not None:
            return f"{behind} behind a translator, which is {inner}"
    return "reserved by the operator" if any(address in block for block in reserved) else None


def check(given: str, reserved: Sequence[Range], attribute: str = "address") -> Address:
    """Let pass what a member may have as that attribute, and return it as an address.

    Raises:
        InvalidInput: naming the attribute and the reason.
    """
    address = ip_address(given)
    reason = why_not(address, reserved)
    if reason is not None:
        raise InvalidInput(f"Invalid input for {attribute}. Reason: '{given}' is {reason}.")
    return address
