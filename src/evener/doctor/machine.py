"""Reads this host for the checks: programs, limits, files, disk, certificates, ports. Changes nothing.

What cannot be read is a finding, never an exception.
"""

import fcntl
import grp
import os
import resource
import shutil
import socket
import ssl
import stat
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from oslo_config import cfg

from evener import config
from evener.doctor import checks, kernel
from evener.doctor.findings import Finding
from evener.host import cgroups, inotify, sysctl
from evener.host.errors import HostError

ANSWER_S = 5
SECRETS = ("evener.sqlite", "token.key", "secrets.key", "clouds.yaml", "openrc")
SBIN = "/usr/sbin:/sbin"


def of_agent(conf: cfg.ConfigOpts) -> Iterator[Finding]:
    """Yield what is found of what an agent needs."""
    yield checks.haproxy(said_by("haproxy", "-v"))
    says = said_by("keepalived", "--version")
    yield checks.keepalived(says)
    if says is not None:
        yield _watchers(conf)
    yield checks.root(os.geteuid())
    if kernel.is_root():
        for feature, error in kernel.ask().items():
            yield checks.kernel(feature, error)
    yield checks.cgroups(_cgroups_error())
    yield checks.group(conf.haproxy.user_group, exists=_is_group(conf.haproxy.user_group))
    for group, setting, mapped in config.mappings(conf):
        for network, device in mapped.items():
            exists = Path("/sys/class/net", device).exists() or group == "ovs"
            yield checks.mapping(network, device, f"[{group}] {setting}", exists=exists)
    if conf.interface_driver == "openvswitch":
        yield checks.open_vswitch(conf.ovs.ovsdb_connection, _ovsdb_error(conf.ovs.ovsdb_connection))


def of_control(conf: cfg.ConfigOpts) -> Iterator[Finding]:
    """Yield what is found of what the API needs here."""
    if conf.api.certificate:
        yield certificate(conf.api.certificate, conf.api.key or None)
        for path in dict.fromkeys((conf.api.key or conf.api.certificate,)):
            with suppress(OSError):
                yield checks.secret_file(path, stat.S_IMODE(Path(path).stat().st_mode))
    yield _port(conf)


def of_both(conf: cfg.ConfigOpts) -> Iterator[Finding]:
    """Yield what is found of what every program needs."""
    path = config.state_path(conf)
    yield checks.directory(str(path), exists=path.is_dir(), writable=_is_writable(path))
    if config.unfinished_restore(conf).exists():
        yield checks.unfinished_restore(str(config.unfinished_restore(conf)))
    for name in SECRETS:
        with suppress(OSError):
            yield checks.secret_file(str(path / name), stat.S_IMODE((path / name).stat().st_mode))
    with suppress(OSError):
        there = next(each for each in (path, *path.parents) if each.is_dir())
        room = os.statvfs(there)
        size = room.f_blocks * room.f_frsize
        yield checks.disk(str(there), room.f_bavail * room.f_frsize, size, room.f_favail, room.f_files)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    yield checks.open_files(hard, 2 * conf.api.max_connections)


def _watchers(conf: cfg.ConfigOpts) -> Finding:
    try:
        limit = inotify.limit()
    except HostError:
        limit = None
    can_raise = sysctl.is_writable(inotify.SETTING) or not kernel.is_root()  # who is not cannot tell
    raised = can_raise and not is_held(config.agent_lock(conf))
    return checks.watchers(limit, conf.agent.inotify_instances, raised_at_start=raised)


def said_by(program: str, option: str) -> str | None:
    """Return what a program says; None where there is none."""
    found = shutil.which(program) or shutil.which(program, path=SBIN)
    if found is None:
        return None
    with suppress(OSError, subprocess.SubprocessError):
        run = subprocess.run([found, option], capture_output=True, text=True, timeout=ANSWER_S, check=False)
        return (run.stdout + run.stderr).strip()
    return ""


def _cgroups_error() -> str | None:
    try:
        cgroups.root()
    except HostError as error:
        return str(error)
    return None


def _is_group(name: str) -> bool:
    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True


def _is_writable(path: Path) -> bool:
    return path.is_dir() and os.access(path, os.W_OK) and not os.statvfs(path).f_flag & os.ST_RDONLY


def _ovsdb_error(connection: str) -> str | None:
    kind, _, where = connection.partition(":")
    try:
        if kind == "unix":
            with socket.socket(socket.AF_UNIX) as tried:
                tried.settimeout(ANSWER_S)
                tried.connect(where)
        else:
            host, _, port = where.rpartition(":")
            socket.create_connection((host.strip("[]"), int(port)), ANSWER_S).close()
    except (OSError, ValueError) as error:
        return getattr(error, "strerror", None) or str(error)
    return None


def certificate(path: str, key: str | None) -> Finding:
    """Return what is found of a certificate and its key."""
    ends: datetime | None = None
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(path, key)
        found = x509.load_pem_x509_certificate(Path(path).read_bytes())
        ends = getattr(found, "not_valid_after_utc", None) or found.not_valid_after.replace(tzinfo=UTC)
        error = None
    except (OSError, ValueError) as failure:
        error = getattr(failure, "strerror", None) or str(failure)
    return checks.certificate(path, error, ends, datetime.now(UTC))


def _port(conf: cfg.ConfigOpts) -> Finding:
    """Ask the API, where one of ours runs; else see whether its port is free."""
    address, port = conf.api.bind_host or "0.0.0.0", conf.api.bind_port  # noqa: S104 - to see whether it is free
    where = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    if runs(conf):
        error = _unwell(conf)
        return checks.port(where, error, ours=True, well=error is None)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind((address, port))
    except OSError as error:
        return checks.port(where, error.strerror or str(error), ours=False, well=False)
    return checks.port(where, None, ours=False, well=False)


def runs(conf: cfg.ConfigOpts) -> bool:
    """Return whether an API of ours holds its lock here."""
    state = config.state_path(conf)
    names = ("standalone.pid", f"evener-api-{conf.api.bind_port}.pid")
    return any(is_held(state / name) for name in names)


def is_held(file: Path) -> bool:
    """Return whether a daemon holds the lock on a file; one that is asked for in between is not disturbed."""
    try:
        with file.open("rb") as opened:
            fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _unwell(conf: cfg.ConfigOpts) -> str | None:
    """Return why the API does not say that it is well."""
    host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(conf.api.bind_host, conf.api.bind_host)  # noqa: S104
    at = urlsplit(f"//[{host}]:{conf.api.bind_port}" if ":" in host else f"//{host}:{conf.api.bind_port}")
    if conf.api.certificate:
        unchecked = ssl._create_unverified_context()  # noqa: S323, SLF001 - it is our own, by its address
        asked: HTTPConnection = HTTPSConnection(
            str(at.hostname), at.port, timeout=ANSWER_S, context=unchecked
        )
    else:
        asked = HTTPConnection(str(at.hostname), at.port, timeout=ANSWER_S)
    try:
        asked.request("GET", "/healthcheck")
        status = asked.getresponse().status
    except (OSError, HTTPException) as error:
        return getattr(error, "strerror", None) or str(error)
    finally:
        asked.close()
    return None if status == 200 else f"/healthcheck answers {status}"
