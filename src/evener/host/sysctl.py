"""Kernel settings of the calling thread's network namespace, of one interface there, and of the host.

Knows no setting by itself.
"""

import os
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
    path = f"{ROOT}/{family}/conf/{interface}/{key}"
    with explained(f"set {path} to {value}"):
        try:
            if int(_read(path)) == value:
                return False
        except FileNotFoundError:
            if _lacks(family, interface):
                return False
            raise
        Path(path).write_text(str(value))
        return True


def ensure_named(name: str, value: str) -> bool:
    """Set what sysctl(8) calls `name` to `value`; return whether it had another. What the kernel lacks is passed over.

    Raises:
        HostError: when the kernel refuses the value, or /proc/sys cannot be written.
    """
    path = _path(name)
    with explained(f"set {name} to {value or 'nothing'}"):
        try:
            if _read(path).split() == value.encode().split():
                return False
        except FileNotFoundError:
            return False
        Path(path).write_text(f"{value}\n")
        return True


def exists(name: str) -> bool:
    """Return whether the namespace has a setting that sysctl(8) calls `name`."""
    return Path(_path(name)).is_file()


def shown(name: str) -> str:
    """Return what sysctl(8) shows of `name`.

    Raises:
        OSError: when it is not there, or may not be read.
    """
    return _read(_path(name)).decode().strip()


def is_writable(name: str) -> bool:
    """Return whether it can be set: /proc/sys is read-only in most containers."""
    return os.access(_path(name), os.W_OK)


def _path(name: str) -> str:
    return "/proc/sys/" + name.replace(".", "/")


def _read(path: str) -> bytes:
    # The fewest system calls that do it: there are a dozen such files to an interface, and many interfaces.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, 8192)
    finally:
        os.close(descriptor)


def _lacks(family: str, interface: str) -> bool:
    if not (ROOT / family).is_dir():
        return True
    return family == "ipv6" and not _has(family, interface) and _has("ipv4", interface)


def _has(family: str, interface: str) -> bool:
    return (ROOT / family / "conf" / interface).is_dir()
