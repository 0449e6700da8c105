"""What is well and what is not: each check a function of what was read, which returns what it finds. Pure."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from evener.doctor.findings import Finding, bad, good, warn

OLDEST_HAPROXY = (2, 6)
FILES_PER_BALANCER, FEW_FILES = 5, 4096
SCARCE, FULL = 0.10, 0.02  # shares of a disk, or of its inodes, that are free
FEW_BYTES = 200 * 1024**2
SOON = timedelta(days=21)
CLOCK_S = 2  # seconds that clocks may differ
SILENT = timedelta(seconds=75)
_SAFE_MODE = 0o077


def haproxy(said: str | None) -> Finding:
    """Check what `haproxy -v` says; None where there is no such program."""
    what = "HAProxy"
    if said is None:
        return bad(what, "is not installed: no load balancer is served", "apt install haproxy")
    found = re.search(r"version (\d+)\.(\d+)\S*", said, re.IGNORECASE)
    if found is None:
        return bad(what, f"haproxy -v names no version: {said[:60]!r}", "see which haproxy is first in PATH")
    if (int(found[1]), int(found[2])) < OLDEST_HAPROXY:
        return bad(what, f"{found[0]} is too old", "install 2.6 or later (Debian 12 has it)")
    return good(what, found[0])


def keepalived(said: str | None) -> Finding:
    """Check what `keepalived --version` says; None where there is no such program."""
    what = "keepalived"
    if said is None:
        return warn(
            what,
            "is not installed: this host serves no load balancer of topology ACTIVE_STANDBY",
            "apt install keepalived, where it is to",
        )
    return good(what, said.split("\n")[0][:60] if said else "installed")


def watchers(limit: int | None, wanted: int, *, raised_at_start: bool) -> Finding:
    """Check how many processes may watch files, as each keepalived does; `wanted` is what the agent raises it to.

    None where the kernel does not say; 0 is wanted where the agent leaves it. `raised_at_start`: by its next one.
    """
    what, setting = "inotify", "fs.inotify.max_user_instances"
    if limit is None:
        return bad(what, "the kernel has none: nothing hears that HAProxy ends", "CONFIG_INOTIFY_USER=y")
    says = f"{setting} is {limit}"
    if limit >= wanted:
        return good(what, says)
    if raised_at_start:
        return good(what, f"{says}; the agent raises it to {wanted} when it starts")
    says += f", {wanted} is wanted: at most {limit} load balancers of topology ACTIVE_STANDBY have room"
    return warn(what, says, f"sysctl -w {setting}={wanted}, outside where this is a container")


FEATURES: Mapping[str, str] = {
    "network namespaces": "a kernel with CONFIG_NET_NS, and root (no unprivileged container)",
    "veth": "modprobe veth",
    "bridge": "modprobe bridge",
    "nftables": "apt install libnftables1; modprobe nf_tables",
}


def kernel(feature: str, error: str | None) -> Finding:
    """Check what came of a try in a namespace of its own."""
    if error is None:
        return good(feature, "works")
    return bad(feature, f"does not work: {error}", FEATURES[feature])


def root(user_id: int) -> Finding:
    """Check who asks."""
    if user_id == 0:
        return good("user", "root")
    return warn("user", "not root: some of this cannot be looked at", "sudo evener-doctor")


def cgroups(error: str | None) -> Finding:
    """Check whether load balancers can be bounded."""
    if error is None:
        return good("cgroup v2", "cpu, memory and pids can be bounded")
    return warn(
        "cgroup v2",
        f"{error}: one load balancer may take what others need",
        "boot with systemd.unified_cgroup_hierarchy=1, or give the container its own groups",
    )


def open_files(hard: int, needed: int) -> Finding:
    """Check the hard limit of open files against what settings promise."""
    what = "open files"
    advice = "LimitNOFILE=1048576 in the unit; ulimit -Hn 1048576 in a shell"
    if hard < min(needed, FEW_FILES):
        return bad(what, f"a process may have {hard} open files", advice)
    if hard < needed:
        return warn(what, f"a process may have {hard} open files, settings promise up to {needed}", advice)
    return good(what, f"up to {hard}")


def settings(error: str | None, unknown: Sequence[str]) -> list[Finding]:
    """Check the files of settings: what nobody understands, and what nobody reads."""
    what = "settings"
    if error is not None:
        return [
            bad(what, error, "correct the file; evener-standalone --check-config says whether it is good")
        ]
    wrong = [
        warn(what, f"there is no setting {each}", "is it misspelt, or of another version?")
        for each in unknown
    ]
    return wrong or [good(what, "all are understood")]


def group(name: str, *, exists: bool) -> Finding:
    """Check the group that HAProxy runs as."""
    if exists:
        return good("group", f"{name} is there")
    return bad("group", f"[haproxy] user_group = {name}: there is none", f"groupadd --system {name}")


def directory(path: str, *, exists: bool, writable: bool) -> Finding:
    """Check the directory of all state."""
    what = "state"
    if not exists:
        return warn(what, f"{path} is not there yet", "a daemon's first start makes it; else see state_path")
    if not writable:
        return bad(what, f"{path} cannot be written", "is it mounted read-only, or another user's?")
    return good(what, path)


def unfinished_restore(path: str) -> Finding:
    """Say that the host ended while a backup was put in its place."""
    says = f"{path} is there: a backup was being restored when the host ended, and standalone does not start"
    return bad("restore", says, "evener-db-manage restore FILE, again")


def secret_file(path: str, mode: int) -> Finding:
    """Check the mode of a file that holds a key, a password or a token."""
    what = path.rpartition("/")[2]
    if mode & _SAFE_MODE:
        return bad(what, f"{path} is for others too (mode {mode:04o})", f"chmod 600 {path}")
    return good(what, f"mode {mode:04o}")


def disk(path: str, free: int, size: int, free_inodes: int, inodes: int) -> Finding:
    """Check the room below `path`, in bytes, and in inodes where the file system counts them."""
    what, megabytes = "disk", free // 1024**2
    share = free / size if size else 1.0
    inode_share = free_inodes / inodes if inodes else 1.0
    advice = "remove what is not needed; logs are bounded by [haproxy] log_size and log_count"
    if share < FULL or inode_share < FULL:
        return bad(what, f"{path} is full: {megabytes} MB and {free_inodes} inodes are free", advice)
    if (share < SCARCE and free < FEW_BYTES * 10) or free < FEW_BYTES or inode_share < SCARCE:
        return warn(what, f"{path} is almost full: {megabytes} MB and {free_inodes} inodes are free", advice)
    return good(what, f"{megabytes} MB are free below {path}")


def certificate(path: str, error: str | None, ends: datetime | None, moment: datetime) -> Finding:
    """Check the API's certificate, which ends at `ends`; `error` where it and its key cannot be used."""
    what = "certificate"
    if error is not None or ends is None:
        return bad(what, f"{path}: {error}", "see [api] certificate and key: PEM, one belongs to the other")
    if ends < moment:
        return bad(what, f"{path} ended {ends:%Y-%m-%d}", "put a new one there, and send SIGHUP")
    if ends - moment < SOON:
        return warn(what, f"{path} ends {ends:%Y-%m-%d}", "have it renewed; SIGHUP reads it again")
    return good(what, f"until {ends:%Y-%m-%d}")


def port(address: str, error: str | None, *, ours: bool, well: bool) -> Finding:
    """Check the API's port: taken by us and answering, free, or somebody else's."""
    what = "API"
    if well:
        return good(what, f"answers at {address}")
    if ours:
        return bad(what, f"runs and is not well at {address}: {error}", "see its log, and the database below")
    if error is not None:
        return bad(
            what, f"{address} cannot be listened on: {error}", "see [api] bind_host and bind_port; ss -ltnp"
        )
    return good(what, f"does not run; {address} is free")


def database(error: str | None, *, there: bool, behind: bool) -> Finding:
    """Check the database: whether it is reached, and has all tables."""
    what = "database"
    if not there:
        return warn(
            what,
            "there is none yet",
            "standalone makes it at its first start; else evener-db-manage upgrade",
        )
    if error is not None:
        return bad(what, error, "see [database] connection, and whether its server runs")
    if behind:
        return bad(what, "lacks tables", "evener-db-manage upgrade head")
    return good(what, "has all tables")


def clock(what: str, ahead_s: float) -> Finding:
    """Check by how much another clock is ahead of this one's."""
    if abs(ahead_s) <= CLOCK_S:
        return good(what, "as this host's")
    direction = "ahead of" if ahead_s > 0 else "behind"
    return warn(
        what, f"is {abs(ahead_s):.0f} s {direction} this host's", "let chrony or systemd-timesyncd set both"
    )


def bus(where: str, error: str | None) -> Finding:
    """Check one server of the bus."""
    if error is None:
        return good("bus", f"{where} answers")
    return bad(
        "bus", f"{where}: {error}", "see [DEFAULT] transport_url; rabbitmqctl list_users, list_permissions"
    )


def agent(
    host: str,
    silent_for: timedelta,
    *,
    enabled: bool,
    ahead_s: float,
    version: str | None,
    ours: str,
) -> list[Finding]:
    """Check an agent by what it said last: heard of, in use, its clock, its version (None: it does not say)."""
    what = f"agent {host}"
    if silent_for > SILENT:
        seconds = int(silent_for.total_seconds())
        return [
            bad(what, f"has not been heard of for {seconds} s", f"on {host}: systemctl status evener-agent")
        ]
    found = []
    if not enabled:
        found.append(
            warn(what, "gets no new load balancers", "evener agent-update --admin-state-up, if it is to")
        )
    if abs(ahead_s) > CLOCK_S:
        found.append(clock(f"clock of {host}", ahead_s))
    if version not in (None, ours):
        found.append(warn(what, f"is of version {version}, this is {ours}", "upgrade it after control"))
    return found or [good(what, "is heard of")]


def agents(count: int) -> Finding:
    """Check whether there is any agent."""
    if count:
        return good("agents", f"{count} known")
    return bad(
        "agents",
        "none is known: no load balancer can be made",
        "start evener-agent, or standalone",
    )


def failing(balancers: Sequence[str], most: int = 5) -> Finding:
    """Check which load balancers an agent could not bring to where they are to be."""
    if not balancers:
        return good("load balancers", "none fails")
    named = ", ".join(balancers[:most]) + (" and others" if len(balancers) > most else "")
    return bad("load balancers", f"{len(balancers)} fail: {named}", "evener explain LB says why")


def mapping(network: str, device: str, setting: str, *, exists: bool) -> Finding:
    """Check the bridge or interface that a physical network is on."""
    what = f"network {network}"
    if exists:
        return good(what, f"on {device}")
    return bad(what, f"{setting} says {device}, and there is none", f"make {device}, or correct {setting}")


def open_vswitch(connection: str, error: str | None) -> Finding:
    """Check whether Open vSwitch is there, where ports are on it."""
    if error is None:
        return good("Open vSwitch", "answers")
    return bad(
        "Open vSwitch", f"{connection}: {error}", "apt install openvswitch-switch; see [ovs] ovsdb_connection"
    )
