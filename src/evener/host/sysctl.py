"""Kernel settings of one interface, in the calling thread's network namespace. Knows no setting by itself."""

from pathlib import Path

from evener.host.errors import explained

ROOT = Path("/proc/sys/net")


def ensure(family: str, interface: str, key: str, value: int) -> bool:
    """Set `key` of `interface` for `family` ("ipv4", "ipv6") to `value`; return whether it had another.

    A family that the kernel does not have, there or at all, is passed over: what it lacks needs no setting. It has no
    IPv6 where the MTU is below 1280 (RFC 8200 section 5), and new settings once that is raised.

    Raises:
        HostError: when the interface is missing, or /proc/sys cannot be written.
    """
    if not (ROOT / family).is_dir():
        return False
    if family == "ipv6" and not _has(family, interface) and _has("ipv4", interface):
        return False
    path = ROOT / family / "conf" / interface / key
    with explained(f"set {path} to {value}"):
        if int(path.read_text()) == value:
            return False
        path.write_text(str(value))
        return True


def _has(family: str, interface: str) -> bool:
    return (ROOT / family / "conf" / interface).is_dir()
