"""What an agent's operator decides about every HAProxy. Starts no process but `haproxy -v`, once."""

import grp
import logging
import pwd
import re
import resource
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evener.dataplane.base import Misconfigured
from evener.dataplane.haproxy import users
from evener.host import cgroups
from evener.host.cgroups import CgroupsMissing, Limits

LOG = logging.getLogger(__name__)
NOBODY = "nobody"
MEGABYTE = 1_048_576
_CAP_SYS_RESOURCE = 24  # capabilities(7)
Version = tuple[int, int, int]
# Before, HAProxy locks itself up when the limit of a frontend is raised for which clients wait, and its watchdog
# ends it: https://github.com/haproxy/haproxy/issues/2726. The first good release of each branch; later ones are good.
_RAISES_LIMITS = {(2, 6): 20, (2, 8): 12, (3, 0): 6}
_BOUNDS_HANDSHAKES = (2, 9, 0)
_VERSION = re.compile(r"HAProxy version (\d+)\.(\d+)[.-](?:dev)?(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Settings:
    """`hard_stop_after_s` and `patience_s` in seconds, `log_size` in bytes; `nbthread` 0 is HAProxy's choice.

    At most `old_workers` finish old connections at once; a reload waits up to `patience_s` for one of them to go,
    then ends the oldest. A client has `request_timeout_s` and `handshake_timeout_s` seconds for a request's head and
    for a TLS handshake. `ping_rate` is of one project, in a second. Where there are `uids`, each load balancer has one
    of them, `uid`, in place of `user`; where there are `cgroups`, it has a group of processes in there with these
    `limits`. `files` are how many HAProxy may have open.
    """

    user: str = "haproxy"
    group: str = "haproxy"
    maxconn: int = 8000
    nbthread: int = 0
    hard_stop_after_s: int = 3600
    old_workers: int = 100
    patience_s: float = 5.0
    request_timeout_s: int = 10
    handshake_timeout_s: int = 10
    files: int = 1_048_576
    access_log: bool = False
    log_size: int = 10_000_000
    log_count: int = 3
    binary: str = "haproxy"
    version: Version = (2, 6, 0)
    ping_rate: int = 500
    uids: range | None = None
    uid: int | None = None
    cgroups: Path | None = None
    limits: Limits = field(default_factory=Limits)

    @property
    def raises_limits(self) -> bool:
        """Whether this HAProxy can take more connections for a frontend at run time."""
        branch, patch = self.version[:2], self.version[2]
        return branch > max(_RAISES_LIMITS) or patch >= _RAISES_LIMITS.get(branch, patch + 1)

    @property
    def bounds_handshakes(self) -> bool:
        """Whether this HAProxy has a deadline of its own for TLS handshakes (`timeout client-hs`)."""
        return self.version >= _BOUNDS_HANDSHAKES


def probe(binary: str = "haproxy") -> Version:
    """Return the version of the HAProxy at `binary`.

    Raises:
        Misconfigured: when it cannot be run, or does not say.
    """
    try:
        run = subprocess.run([binary, "-v"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Misconfigured(f"HAProxy cannot be run: {error}") from error
    found = _VERSION.search(run.stdout)
    if found is None:
        raise Misconfigured(f"{binary} -v does not name a version: {run.stdout[:200]!r}")
    major, minor, patch = (int(part) for part in found.groups())
    return major, minor, patch


def most_files() -> int:
    """Return how many files a HAProxy that we start may have open: it raises its own limit as far as it may."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    effective = re.search(r"^CapEff:\s*([0-9a-f]+)", status, re.MULTILINE)
    if effective is not None and int(effective[1], 16) >> _CAP_SYS_RESOURCE & 1:
        return int(Path("/proc/sys/fs/nr_open").read_text(encoding="ascii"))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def user_of(group: str) -> str:
    """Return the user that HAProxy runs as with `group`: the one of that name, or the one without rights.

    Neutron-LBaaS's HAProxy is always the user nobody (its `haproxy_base.j2`), in a group such as nogroup.

    Raises:
        Misconfigured: when there is no such group.
    """
    try:
        grp.getgrnam(group)
    except KeyError:
        raise Misconfigured(
            f"[haproxy] user_group = {group}: there is no such group; name another, or make it with groupadd"
        ) from None
    try:
        return pwd.getpwnam(group).pw_name
    except KeyError:
        return NOBODY


def groups_from(conf: Any) -> Path | None:
    """Return the cgroup in which load balancers' are made; None where there can be none, which goes to the log."""
    name = conf.haproxy.cgroup
    if not name:
        return None
    try:
        return cgroups.prepare(cgroups.root(), name)
    except CgroupsMissing as error:
        LOG.warning("One load balancer may take the whole machine: %s; see [haproxy] cgroup", error)
        return None


def from_conf(conf: Any) -> Settings:
    """Return the settings of `evener.config` (group `haproxy`), with the installed version.

    Raises:
        Misconfigured: when HAProxy is not installed, or its group does not exist.
    """
    group = conf.haproxy
    return Settings(
        user=user_of(group.user_group),
        group=group.user_group,
        maxconn=group.maxconn,
        nbthread=group.nbthread,
        hard_stop_after_s=group.hard_stop_after,
        old_workers=group.old_workers,
        patience_s=group.patience,
        request_timeout_s=group.request_timeout,
        handshake_timeout_s=group.handshake_timeout,
        files=most_files(),
        access_log=group.access_log,
        log_size=group.log_size,
        log_count=group.log_count,
        version=probe(),
        ping_rate=group.ping_rate,
        uids=users.usable(users.parse(group.uids)),
        cgroups=groups_from(conf),
        limits=Limits(group.cpu_weight, group.memory_max_mb * MEGABYTE, group.pids_max),
    )
