"""The limits of a namespace that serves, which starts with the kernel's defaults: those are for a machine at a desk.

Settings of the whole namespace only; those of interfaces are `addresses`'. Knows nothing of who listens there, but for
the ports.
"""

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from evener import threads
from evener.host import netns, syscalls, sysctl
from evener.host.errors import HostError

# Documentation/networking/ip-sysctl.rst of the kernel. `sysctl -a` in a new namespace shows what there is: other limits
# that matter (memory of TCP, sizes of buffers, neighbour tables, files) are the whole machine's, or follow it.
DEFAULTS: Mapping[str, str] = MappingProxyType(
    {
        # A port rests for a minute after each connection: 28,232 of them are 470 connections a second to one member.
        # With this, one that rests is used again after a second, where both ends have timestamps (RFC 6191).
        "net.ipv4.tcp_tw_reuse": "1",
        "net.ipv4.tcp_timestamps": "1",
        "net.ipv4.ip_local_port_range": "1025 65534",
        "net.ipv4.tcp_fin_timeout": "15",
        "net.ipv4.tcp_max_tw_buckets": "262144",
        # Connections that nobody has accepted yet: HAProxy asks for as many as it serves at once.
        "net.core.somaxconn": "16384",
        "net.ipv4.tcp_max_syn_backlog": "16384",
        "net.ipv4.tcp_syncookies": "1",
        # 4,096 before Linux 6.3: then nobody new is answered over IPv6.
        "net.ipv6.route.max_size": "2147483647",
    }
)
# Where an address may be another host's: who listens on it does so before it comes.
SHARED_ADDRESSES: Mapping[str, str] = MappingProxyType(
    {"net.ipv4.ip_nonlocal_bind": "1", "net.ipv6.ip_nonlocal_bind": "1"}
)
RESERVED_PORTS = "net.ipv4.ip_local_reserved_ports"
_NAME = re.compile(r"net(\.[a-z0-9_-]+)+")
_PER_INTERFACE = re.compile(r"net\.ipv[46]\.(conf|neigh)\.")


def check(settings: Mapping[str, str]) -> None:
    """See that a namespace takes what somebody wrote.

    Raises:
        HostError: naming the setting, and what is wrong with it.
    """
    for name in settings:
        if name == RESERVED_PORTS or _PER_INTERFACE.match(name):
            raise HostError(f"{name} is set as load balancers need it, and nobody else may")
        if not _NAME.fullmatch(name):
            raise HostError(f"{name} is no setting of a network namespace; their names begin with net.")
    if settings:
        threads.aside(lambda: _try(settings))


def _try(settings: Mapping[str, str]) -> None:
    try:
        syscalls.unshare_net()  # this thread's, which ends
    except OSError:  # who may make no namespace hears of that at the first load balancer
        return
    for name, value in settings.items():
        if not sysctl.exists(name):
            raise HostError(f"A network namespace has no setting {name}")
        sysctl.ensure_named(name, value)


def ensure(namespace: str, settings: Mapping[str, str], ports: Iterable[int]) -> bool:
    """Give `namespace` these settings, and keep `ports` for who listens there; return whether anything differed.

    Without that, one of the ports could be a connection's to a member at the moment when somebody is to listen on it.

    Raises:
        NamespaceMissing: when there is no such namespace.
        HostError: when the kernel refuses a value.
    """
    with netns.inside(namespace):
        wanted = {**settings, RESERVED_PORTS: ranges(ports)}
        changed = [sysctl.ensure_named(name, value) for name, value in wanted.items()]
    return any(changed)


def ranges(ports: Iterable[int]) -> str:
    """Return `ports` as the kernel shows such a set: `80,443,8000-8002`."""
    found: list[list[int]] = []
    for port in sorted(set(ports)):
        if found and found[-1][1] == port - 1:
            found[-1][1] = port
        else:
            found.append([port, port])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in found)
