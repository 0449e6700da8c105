"""HAProxy in front of the API, so that slow clients cost nothing: its configuration, and the process that runs it.

It waits for whole requests, with deadlines, ends TLS where there is a certificate, and passes requests on to a UNIX
socket, with the caller's address in a header. It never has more rights than its own user, listens on sockets that this
process holds, and ends with it. It knows nothing of what is served.
"""

import json
import logging
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from evener.api import lanes
from evener.host import processes
from evener.serving.errors import BadProxy, FrontFailed
from evener.threads import lasting

LOG = logging.getLogger(__name__)
PROGRAM = "haproxy"
CONFIGURATION, SOCKET, ERRORS = "haproxy.conf", "api.sock", "haproxy.err"
DASHBOARD_SOCKET, DASHBOARD = "dashboard.sock", "/dashboard"  # and the path below which it is
FILES_FOR_OTHERS = 100  # of its open files: for what is no connection
UPSTREAM, UPSTREAM_LARGE, LARGE_BY_ADDRESS = 128, 32, 8  # requests under way at once
WAITING = 2  # of requests that look at passwords, and of those that ask agents; the others queue
HASHING_BY_ADDRESS = 100
BUFFERED = 12_000  # bytes of a body that are waited for here; HAProxy's buffer has 16,384 for it and the head
PAUSES_S = (0.1, 0.5, 1.0, 2.0, 5.0)  # before it is started again, once more each time
LIVED_S = 60.0  # who has lived so long starts again at once
GRACE_S = 1.0  # for answers that are on their way when all ends

_ERRORS = {
    400: "The request is malformed, or its head is longer than 15 KB",
    408: "The request did not come within the time that it may take",
    429: "Too many such requests from one address at once",
    500: "Internal error",
    502: "The API ended before it answered",
    503: "The API does not answer, or has too much to do; try again",
    504: "The API did not answer in time",
}
_FILE = """\
global
  maxconn {sockets}
  nbthread 1
  tune.sndbuf.client 524288
{tls}
defaults
  mode http
  maxconn {connections}
  option http-buffer-request
  timeout http-request {request_s}s
  timeout http-keep-alive {idle_s}s
  timeout client {idle_s}s
  timeout connect 5s
  timeout queue 10s
  timeout server 120s
  http-reuse always
{errors}

frontend api
{binds}
{proxies}
  tcp-request connection track-sc0 src table by_address
  tcp-request connection reject if !proxy {{ sc0_conn_cur gt {by_address} }}
  http-request set-header X-Forwarded-For %[src]
  http-request set-header X-Forwarded-Proto {scheme}
  acl large req.hdr_val(content-length) gt {buffered}
  acl large req.hdr(transfer-encoding) -m found
  http-request track-sc1 src table large_by_address if large !proxy
  http-request deny deny_status 429 if large {{ sc1_conn_cur gt {large_by_address} }}
  acl hashing path,url_dec -m beg {hashing}
  acl writes method {hashing_methods}
  acl asking path,url_dec -m end {asking}
  http-request track-sc2 src table hashing_by_address if hashing writes !proxy
  http-request deny deny_status 429 if hashing writes {{ sc2_conn_cur gt {hashing_by_address} }}
{dashboard}  use_backend hashing if hashing writes
  use_backend asking if asking
  use_backend large if large
  default_backend whole

backend whole
  server api unix@/proc/self/fd/{directory}/{socket} maxconn {upstream}

backend large
  server api unix@/proc/self/fd/{directory}/{socket} maxconn {upstream_large}

backend hashing
  server api unix@/proc/self/fd/{directory}/{socket} maxconn {waiting}

backend asking
  server api unix@/proc/self/fd/{directory}/{socket} maxconn {waiting}

backend hashing_by_address
  stick-table type ipv6 size 100k expire 1m store conn_cur

backend by_address
  stick-table type ipv6 size 100k expire 1m store conn_cur

backend large_by_address
  stick-table type ipv6 size 100k expire 1m store conn_cur
"""
_TO_DASHBOARD = f"  use_backend dashboard if {{{{ path {DASHBOARD} }}}} or {{{{ path_beg {DASHBOARD}/ }}}}\n"
# Its pages have streams of events that stay open, so it has its own bound, and nothing of the API's is taken by them.
_DASHBOARD = """
backend dashboard
  server dashboard unix@/proc/self/fd/{directory}/{socket} maxconn 1024
"""


@dataclass(frozen=True, slots=True)
class Limits:
    """`connections` at once, of which one address has half; a head and a short body within `request_s` seconds.

    After `idle_s` seconds in which nothing comes from a client, or is taken by it, its connection is closed.
    `proxies` are the addresses and blocks of which each is of many clients.
    """

    connections: int
    request_s: int = 10
    idle_s: int = 60
    proxies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Descriptors:
    """What HAProxy is given of ours: sockets that listen, the directory of the API's socket, a PEM file.

    So that it needs no right on any path that leads there. `dashboard` says whether its socket is there as well.
    """

    listening: tuple[int, ...]
    directory: int
    certificate: int | None = None
    dashboard: bool = False

    def all(self) -> tuple[int, ...]:
        """Return all of them."""
        return (*self.listening, self.directory, *([] if self.certificate is None else [self.certificate]))


def proxies(said: Iterable[str]) -> tuple[str, ...]:
    """Return the addresses and blocks that a setting names, as HAProxy reads them.

    Raises:
        BadProxy: naming what is none.
    """
    try:
        return tuple(str(ip_network(each, strict=False)) for each in said)
    except ValueError as error:
        raise BadProxy(f"[api] proxy_addresses: {error}") from None


def render(given: Descriptors, limits: Limits) -> str:
    """Return HAProxy's configuration."""
    certificate = given.certificate
    secure = "" if certificate is None else f" ssl crt /proc/self/fd/{certificate} alpn http/1.1"
    file = _FILE.format(
        dashboard=_TO_DASHBOARD.format() if given.dashboard else "",
        connections=limits.connections,
        sockets=limits.connections
        + max(given.all()),  # it refuses one with a number beyond what it needs itself
        by_address=max(1, limits.connections // 2),
        request_s=limits.request_s,
        idle_s=limits.idle_s,
        scheme="http" if certificate is None else "https",
        tls="" if certificate is None else "  ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets\n",
        proxies="\n".join(f"  acl proxy src {each}" for each in limits.proxies) or "  acl proxy always_false",
        binds="\n".join(f"  bind fd@{fd}{secure}" for fd in given.listening),
        errors="\n".join(_error(status, words) for status, words in _ERRORS.items()),
        buffered=BUFFERED,
        large_by_address=LARGE_BY_ADDRESS,
        hashing=lanes.HASHING,
        hashing_methods=" ".join(lanes.HASHING_METHODS),
        asking=" ".join(lanes.ASKING),
        waiting=WAITING,
        hashing_by_address=HASHING_BY_ADDRESS,
        upstream=UPSTREAM,
        upstream_large=UPSTREAM_LARGE,
        socket=SOCKET,
        directory=given.directory,
    )
    more = _DASHBOARD.format(directory=given.directory, socket=DASHBOARD_SOCKET) if given.dashboard else ""
    return file + more


def _error(status: int, words: str) -> str:
    """Return the directive for an answer of HAProxy's own, in the forms of Keystone and of Neutron at once."""
    body = {
        "error": {"code": status, "title": words, "message": words},
        "NeutronError": {"type": "HTTPError", "message": words, "detail": ""},
    }
    retry = " hdr Retry-After 1" if status in (429, 503) else ""
    return f"  http-error status {status} content-type application/json string '{json.dumps(body)}'{retry}"


@dataclass(frozen=True, slots=True)
class Place:
    """The directory with HAProxy's file and the API's socket, and whose rights HAProxy has; None without a choice."""

    directory: Path
    user: str | None
    group: str | None

    def make(self) -> None:
        """Make the directory, for HAProxy to enter and for nobody else."""
        self.directory.mkdir(mode=0o750, parents=True, exist_ok=True)
        self.give(self.directory)

    def give(self, file: Path) -> None:
        """Let HAProxy's group have `file`, or go on if it need not."""
        if self.group is not None:
            shutil.chown(file, group=self.group)

    @property
    def mark(self) -> str:
        """What HAProxy's command line has, and that of no other process: it takes it for its name among peers."""
        return f"evener:{self.directory}"

    def start(self, given: Descriptors, *more: str, output: Any) -> subprocess.Popen[bytes]:
        """Start HAProxy, with what it prints going to `output`; it ends when the thread that calls this does."""
        user, group = self.user, self.group
        rights = ["--reuid", user, "--regid", group, "--clear-groups"] if user and group else []
        with (self.directory / CONFIGURATION).open("rb") as file:
            program = [PROGRAM, "-db", "-L", self.mark, "-f", f"/proc/self/fd/{file.fileno()}", *more]
            return subprocess.Popen(
                ["setpriv", *rights, "--pdeathsig", "TERM", *program],
                cwd="/",
                pass_fds=(*given.all(), file.fileno()),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )


def check(place: Place, given: Descriptors) -> None:
    """See whether HAProxy takes its configuration.

    Raises:
        FrontFailed: with its words.
    """
    checking = place.start(given, "-c", output=subprocess.PIPE)
    output, _ = checking.communicate(timeout=30)
    if checking.returncode:
        raise FrontFailed(f"HAProxy in front of the API: {_said(output.decode(errors='replace'))}")


def _said(output: str) -> str:
    alerts = [line for line in output.split("\n") if "ALERT" in line] or output.split("\n")
    return "; ".join(alerts)[:1000]


def end_left_behind(place: Place) -> None:
    """End what a process of ours that was killed at the worst moment has left on this directory."""
    mark, left = os.fsencode(place.mark), set()
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and mark in (entry / "cmdline").read_bytes().split(b"\0"):
                left.add(int(entry.name))
    processes.kill(left)


def kept(place: Place, given: Descriptors) -> "Kept":
    """Return HAProxy, running."""
    return Kept(
        "HAProxy in front of the API",
        lambda output: place.start(given, output=output),
        place.directory / ERRORS,
    )


class Kept:
    """A program, started again whenever it ends, by a thread that lives as long; `errors` has its last words."""

    def __init__(self, name: str, start: Callable[[Any], subprocess.Popen[bytes]], errors: Path) -> None:
        self._name, self._program, self._errors = name, start, errors
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._thread = lasting("front", self._run)
        self._thread.start()

    def _run(self) -> None:
        failures = 0
        while (child := self._start()) is not None:
            began = time.monotonic()
            code = child.wait()
            if self._ended.is_set():
                return
            failures = 0 if time.monotonic() - began > LIVED_S else failures + 1
            pause_s = PAUSES_S[min(failures, len(PAUSES_S) - 1)]
            said = _said(self._errors.read_text(errors="replace"))
            LOG.error("%s has ended (%d): %s; again in %.1f s", self._name, code, said, pause_s)
            self._ended.wait(pause_s)

    def _start(self) -> subprocess.Popen[bytes] | None:
        """Return the new process, or None when none is wanted any more."""
        with self._lock, self._errors.open("wb") as errors:
            if not self._ended.is_set():
                self._child = self._program(errors)
                return self._child
        return None

    def retire(self, grace_s: float = GRACE_S) -> None:
        """Let it finish what it has, within `grace_s` seconds, and end."""
        with self._lock:
            self._ended.set()
        child = self._child
        if child is None:  # it never came up
            self._thread.join()
            return
        child.send_signal(signal.SIGUSR1)
        try:
            child.wait(grace_s)
        except subprocess.TimeoutExpired:
            child.kill()
        self._thread.join()
