"""A file for who helps from afar: findings, settings, versions, statuses and the ends of logs, without any secret.

What goes in is named here, file by file; whatever it is, it is masked (`masking.py`) with all secrets that this host
knows. Requests' logs and what knows clients stay out.
"""

import io
import json
import os
import platform
import re
import subprocess
import tarfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import distributions
from pathlib import Path

from oslo_config import cfg
from sqlalchemy import select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from evener import config
from evener.doctor import machine
from evener.doctor.findings import Finding, as_json, text
from evener.doctor.masking import masked
from evener.store.database import Database
from evener.store.schema import agents, bindings, events, loadbalancers, member_health

TAIL = 500_000  # bytes of a file's end
LOGS = "evener*/*.log"  # below /var/log: of each unit of systemd
NEWEST = 500  # events
# Of a load balancer's directory; others are its sockets, keys, requests, and what knows clients.
OF_BALANCER = ("haproxy.conf", "haproxy.err", "haproxy.log", "keepalived.conf", "keepalived.log", "port")
COMMANDS: Mapping[str, Sequence[str]] = {
    "versions.txt": ("uname", "-a"),
    "haproxy.txt": ("haproxy", "-vv"),
    "keepalived.txt": ("keepalived", "--version"),
    "links.txt": ("ip", "-d", "link"),
    "addresses.txt": ("ip", "address"),
    "routes.txt": ("ip", "route"),
    "namespaces.txt": ("ip", "netns", "list"),
    "listening.txt": ("ss", "-ltnp"),
    "memory.txt": ("cat", "/proc/meminfo"),
    "os.txt": ("cat", "/etc/os-release"),
}
_PEM = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----(.*?)-----END", re.DOTALL)
_PASSWORD = re.compile(r"^\s*(?:export OS_PASSWORD=|password:\s*)['\"]?([^'\"\n]+)", re.MULTILINE)


def write(conf: cfg.ConfigOpts, found: Sequence[Finding], file: Path) -> None:
    """Write the bundle, readable by its owner alone.

    Raises:
        OSError: when the file cannot be written, or is there.
    """
    known = secrets(conf)
    top = f"evener-{platform.node()}"
    descriptor = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as raw, tarfile.open(fileobj=raw, mode="w:gz") as archive:
        for name, content in contents(conf, found):
            data = masked(content, known).encode()
            about = tarfile.TarInfo(f"{top}/{name}")
            about.size, about.mode, about.mtime = len(data), 0o600, int(time.time())
            archive.addfile(about, io.BytesIO(data))


def contents(conf: cfg.ConfigOpts, found: Sequence[Finding]) -> Iterator[tuple[str, str]]:
    """Yield what goes in, by name, before it is masked."""
    yield "doctor.txt", text(found) + "\n"
    yield "doctor.json", as_json(found)
    yield "settings.txt", "".join(f"{line}\n" for line in settings(conf))
    packages = sorted(f"{each.metadata['Name']} {each.version}" for each in distributions())
    yield "packages.txt", "\n".join(packages)
    for name, command in COMMANDS.items():
        yield name, _said(command)
    state = config.state_path(conf)
    for log in sorted({*state.glob("*.log"), *Path("/var/log").glob(LOGS)}):
        yield f"logs/{log.name}", tail(log)
    home = config.loadbalancer_path(conf)
    for directory in sorted(each for each in home.glob("*") if each.is_dir()):
        for file in (directory / name for name in OF_BALANCER):
            if file.is_file() and not file.is_symlink():
                yield f"loadbalancers/{directory.name}/{file.name}", tail(file)
        yield f"loadbalancers/{directory.name}/files.txt", "\n".join(sorted(os.listdir(directory)))  # noqa: PTH208
    for journal in sorted([*home.parent.glob("networks/*.json"), *home.parent.glob("routers/*.json")]):
        yield f"journal/{journal.parent.name}/{journal.name}", tail(journal)
    yield from _statuses(conf)


def settings(conf: cfg.ConfigOpts) -> Iterator[str]:
    """Yield each setting as it is in force; of those that are secret, whether anything is set."""
    for group in (None, *sorted(conf._groups)):  # noqa: SLF001 - there is no other way to name them all
        options = conf._groups[group]._opts if group else conf._opts  # noqa: SLF001
        for name, about in sorted(options.items()):
            value = conf[group][name] if group else conf[name]
            shown = ("***" if value else "") if about["opt"].secret else value
            yield f"[{group or 'DEFAULT'}] {name} = {shown}"


def secrets(conf: cfg.ConfigOpts) -> frozenset[str]:
    """Return the secrets that this host knows: of settings, of the state directory, of load balancers."""
    found: set[str] = set()
    for group in (None, *conf._groups):  # noqa: SLF001 - as above
        options = conf._groups[group]._opts if group else conf._opts  # noqa: SLF001
        for name, about in options.items():
            if about["opt"].secret:
                found |= _parts(str((conf[group][name] if group else conf[name]) or ""))
    state = config.state_path(conf)
    for key in state.glob("*.key"):
        found |= set(_read(key).split())
    for file in (*state.glob("clouds*.yaml"), *state.glob("openrc*")):
        found |= {each.strip() for each in _PASSWORD.findall(_read(file))}
    keys = [conf.api.key, conf.api.certificate]
    keys += [str(each) for each in config.loadbalancer_path(conf).glob("*/certs/*")]
    for each in filter(None, keys):
        found |= {line for block in _PEM.findall(_read(Path(each))) for line in block.split()}
    return frozenset(found)


def _parts(value: str) -> set[str]:
    """Return a secret, and the passwords in it where it is a URL."""
    found = {value}
    found |= {each.rpartition(":")[2] for each in re.findall(r"([^/@,]+)@", value)}
    with suppress(Exception):
        found.add(str(make_url(value).password or ""))
    return found


def tail(file: Path) -> str:
    """Return the end of a file, whatever is in it; why not, where it cannot be read."""
    try:
        with file.open("rb") as opened:
            size = opened.seek(0, io.SEEK_END)
            opened.seek(max(0, size - TAIL))
            return opened.read().decode("utf-8", "replace")
    except OSError as error:
        return f"{error}\n"


def _read(file: Path) -> str:
    with suppress(OSError):
        return file.read_text(errors="replace")
    return ""


def _said(command: Sequence[str]) -> str:
    try:
        environment = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:{machine.SBIN}"}
        run = subprocess.run(
            command, capture_output=True, text=True, timeout=20, check=False, env=environment
        )
    except (OSError, subprocess.SubprocessError) as error:
        return f"{error}\n"
    return run.stdout + run.stderr


def _statuses(conf: cfg.ConfigOpts) -> Iterator[tuple[str, str]]:
    """Yield what the database knows of load balancers and agents; nothing of users, tokens and secrets."""
    url = make_url(config.database_url(conf))
    if url.get_backend_name() == "sqlite" and not Path(str(url.database)).exists():
        return
    newest = select(events).order_by(events.c.created_at.desc()).limit(NEWEST)
    wanted = {"events": newest} | {
        each.name: select(each) for each in (agents, bindings, loadbalancers, member_health)
    }
    database = Database(config.database_url(conf), watched=url.get_backend_name() != "sqlite")
    for name, statement in wanted.items():
        try:
            with database.read() as tx:
                rows = [dict(row) for row in tx.execute(statement).mappings()]
            yield f"database/{name}.json", json.dumps(rows, default=str, indent=1)
        except SQLAlchemyError as error:
            yield f"database/{name}.txt", f"{getattr(error, 'orig', None) or type(error).__name__}\n"
    database.close()
