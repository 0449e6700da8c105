"""What can go wrong between us and the kernel, in words an operator can act on.

```
HostError
  NamespaceMissing        the namespace does not exist, or no longer
  LinkMissing             the interface does not exist, or no longer
  NameTaken               something else bears a name that is ours
  NotPermitted            we lack a capability, or /proc/sys is read-only
  DriverUnknown           no interface driver of that name is installed
  PhysicalNetworkUnknown  no mapping says what a network's physical network is here
  BridgeUnsuitable        the operator's bridge is missing, or cannot serve the network
  UplinkUnsuitable        the host's own interface must not, or cannot, become a port of our bridge
  SwitchUnavailable       Open vSwitch does not answer, or refuses
  LibraryMissing          a library of the system is not installed
  HostAddressRefused      the host would hide from itself what it reaches
  AddressAnswers          another host has an address that a port is to have
  DiskUnusable            files cannot be written where they are kept
```
"""

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pyroute2.netlink.exceptions import NetlinkError


class HostError(Exception):
    """Base of all errors of this room. `errno` is the kernel's number, or 0 where it was not asked."""

    def __init__(self, message: str, errno: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.errno = errno


class NamespaceMissing(HostError):
    """There is no network namespace of that name."""


class LinkMissing(HostError):
    """There is no interface of that name or index."""


class NameTaken(HostError):
    """A link, file or namespace that is not ours bears a name we need."""


class NotPermitted(HostError):
    """The kernel does not let us."""


class DriverUnknown(HostError):
    """No interface driver of the configured name is installed."""


class PhysicalNetworkUnknown(HostError):
    """This host's mappings do not know the physical network of a network."""

    def __init__(self, name: str, mappings: Mapping[str, str]) -> None:
        known = ", ".join(sorted(mappings)) or "none"
        super().__init__(
            f"Physical network {name} is in no mapping of this host (known: {known}); see docs/networks.md"
        )


class BridgeUnsuitable(HostError):
    """The bridge that a mapping names cannot be used."""


class UplinkUnsuitable(HostError):
    """The interface that a mapping names cannot be used."""


class SwitchUnavailable(HostError):
    """Open vSwitch does not answer, or does not do what it was told."""


class LibraryMissing(HostError):
    """A library of the system is not installed; the message names its package."""


class HostAddressRefused(HostError):
    """An address of the host on a network would hide what the host reaches by itself."""


class AddressAnswers(HostError):
    """Somebody on the network has an address of a port: it is not taken. `since_s` seconds ago that was found first."""

    def __init__(self, address: str, mac: str, since_s: float) -> None:
        super().__init__(
            f"{address} answers on the network, from {mac}: another host still serves it. It is taken over once it does"
            " not; see docs/agents.md"
        )
        self.since_s = since_s


class DiskUnusable(HostError):
    """Files cannot be written in the directory where they are kept."""


_TYPES: dict[int, type[HostError]] = {
    errno.EPERM: NotPermitted,
    errno.EACCES: NotPermitted,
    errno.EROFS: NotPermitted,
    errno.ENODEV: LinkMissing,
    errno.ENXIO: LinkMissing,
}

_ADVICE: dict[int, str] = {
    errno.EPERM: "run as root, or with CAP_NET_ADMIN, CAP_NET_RAW and CAP_SYS_ADMIN",
    errno.EACCES: "run as root, or with CAP_NET_ADMIN, CAP_NET_RAW and CAP_SYS_ADMIN",
    errno.EROFS: "the file system is read-only; in a container, make /proc/sys and /run writable",
    errno.ENODEV: "the interface has gone; it is made again at the next comparison",
    errno.ENXIO: "the interface has gone; it is made again at the next comparison",
    errno.EEXIST: "something else has that name or address; see `ip link` and `ip address`",
    errno.EOPNOTSUPP: "the kernel lacks a part; try `modprobe bridge veth ipv6`",
    errno.EAFNOSUPPORT: "the kernel lacks IPv6; boot without ipv6.disable=1",
    errno.ENETUNREACH: "the gateway is on none of the port's subnets; check the subnet's gateway and routes",
    errno.EAGAIN: "no more processes are allowed; raise TasksMax of the agent (pids.max), or kernel.pid_max",
    errno.ENOMEM: "no memory is left; see `free` and what limits the agent's",
    errno.EMFILE: "too many open files; raise LimitNOFILE of the agent",
    errno.ENFILE: "too many open files; raise fs.file-max",
    errno.ENOSPC: "a kernel limit is reached; raise fs.inotify.max_user_watches or user.max_net_namespaces",
    errno.EBUSY: "it is in use; see `ip netns pids` and `lsns -t net`",
    errno.EINVAL: "the kernel refuses the value; check MTU, MAC address and prefix length",
}

_NO_THREAD = "can't start new thread"  # CPython's words, of a type that has others too

_DISK_ADVICE: dict[int, str] = {
    errno.ENOSPC: "make room there (`df`, `df -i`)",
    errno.EDQUOT: "make room there, or raise the quota",
    errno.EROFS: "make the file system writable",
    errno.EIO: "see what the kernel logs of the disk",
}


def _words(doing: str, number: int, advice: Mapping[int, str]) -> str:
    hint = f"; {advice[number]}" if number in advice else ""
    return f"Cannot {doing}: {os.strerror(abs(number))}{hint}"


def from_kernel(doing: str, number: int) -> HostError:
    """Return the error for errno `number` that met us while `doing` something ("create bridge brq…")."""
    return _TYPES.get(number, HostError)(_words(doing, number, _ADVICE), number)


@contextmanager
def explained(doing: str) -> Iterator[None]:
    """Turn what the kernel refuses inside the block into a `HostError` that says what was being done.

    So a function that has this around it lets no `OSError` pass, nor what Python raises for want of memory or threads.
    """
    try:
        yield
    except NetlinkError as error:
        raise from_kernel(doing, error.code) from error
    except OSError as error:
        file = f" ({error.filename})" if isinstance(error.filename, str) else ""
        raise from_kernel(doing + file, error.errno or 0) from error
    except MemoryError as error:
        raise from_kernel(doing, errno.ENOMEM) from error
    except RuntimeError as error:
        if str(error) != _NO_THREAD:
            raise
        raise from_kernel(doing, errno.EAGAIN) from error


@contextmanager
def on_disk(directory: Path) -> Iterator[None]:
    """Turn what a full or broken disk refuses inside the block, which writes in `directory`, into `DiskUnusable`."""
    try:
        yield
    except OSError as error:
        number = error.errno or 0
        if number not in _DISK_ADVICE:
            raise
        raise DiskUnusable(_words(f"write in {directory}", number, _DISK_ADVICE), number) from error
