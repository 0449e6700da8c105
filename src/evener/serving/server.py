"""How the API is reached: listening sockets, HAProxy in front of them where there is one, and the WSGI server.

It must not know what the application answers.
"""

import errno
import logging
import os
import resource
import shutil
import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from oslo_config import cfg
from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer, create_server

from evener import config, daemon
from evener.dataplane.haproxy import settings
from evener.serving import front
from evener.serving.errors import BadCertificate, CannotListen, StartError

LOG = logging.getLogger(__name__)
logging.getLogger("waitress.queue").setLevel(
    logging.ERROR
)  # it would log each request that waits for a moment
DIRECTORY = "front"
BACKLOG = 4096
LONGEST_HEAD = 16_384  # bytes
REQUEST_S = 30.0  # a request comes whole within this time
IDLE_S, IDLE_BEHIND_S = (
    30,
    3600,
)  # the latter is longer than HAProxy keeps a connection, so that only it ends one
CONNECTIONS_ALONE = 1000  # without HAProxy


def bound(host: str, port: int) -> tuple[socket.socket, ...]:
    """Return sockets on `port` of all addresses of `host`, which do not listen yet; `::` takes IPv4 too.

    Raises:
        CannotListen: when the port is taken, or there is no such address here.
    """
    where = f"[api] bind_host = {host}, bind_port = {port}"
    opened: list[socket.socket] = []
    try:
        found = dict.fromkeys(
            socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        )
        for family, kind, protocol, _, address in found:
            opened.append(server := socket.socket(family, kind, protocol))
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, address[0] != "::")
            server.bind(address)
    except OSError as error:
        for each in opened:
            each.close()
        reason = "another process has it; stop that, or choose another port"
        raise CannotListen(
            f"{where}: {reason if error.errno == errno.EADDRINUSE else error.strerror}"
        ) from None
    return tuple(opened)


class Server:
    """Takes its port when it is made, and answers once it serves an application."""

    def __init__(
        self, conf: cfg.ConfigOpts, directory: Path | None = None, *, has_dashboard: bool = False
    ) -> None:
        """Take the addresses that settings name; HAProxy's files are in `directory`, which nobody else has.

        With `has_dashboard` there is a socket for one as well, where HAProxy is.

        Raises:
            StartError: saying which setting does not fit this machine.
            Misconfigured: where HAProxy's group does not exist.
        """
        self._conf = conf
        self._front: front.Kept | None = None
        self._left = threading.Event()
        self._end: Callable[[], None] = lambda: None
        self._certificate = certificate(conf.api.certificate, conf.api.key)
        self._place = (
            _place(conf, directory or config.state_path(conf) / DIRECTORY) if in_front(conf) else None
        )
        if self._place is not None:
            self._place.make()
            front.end_left_behind(self._place)
        self._outer = bound(conf.api.bind_host, conf.api.bind_port)
        self._inner = self._outer
        self._directory = -1
        self.dashboard_socket: socket.socket | None = None
        if self._place is not None:
            self._directory = os.open(self._place.directory, os.O_PATH | os.O_CLOEXEC)
            self._inner = (_unix_socket(self._place, self._directory, front.SOCKET),)
            if has_dashboard:
                self.dashboard_socket = _unix_socket(self._place, self._directory, front.DASHBOARD_SOCKET)
            self._configure(self._place)

    def _configure(self, place: front.Place) -> None:
        """Write HAProxy's file, and see whether it will do."""
        most = (resource.getrlimit(resource.RLIMIT_NOFILE)[0] - front.FILES_FOR_OTHERS) // 2
        connections = max(10, min(self._conf.api.max_connections, most))
        limits = front.Limits(connections, proxies=front.proxies(self._conf.api.proxy_addresses))
        file = place.directory / front.CONFIGURATION
        file.write_text(front.render(self._given, limits))
        file.chmod(0o640)
        place.give(file)
        front.check(place, self._given)

    @property
    def api_directory(self) -> int:
        """The descriptor of the directory with the API's socket, where HAProxy stands in front."""
        return self._directory

    @property
    def _given(self) -> front.Descriptors:
        listening = tuple(each.fileno() for each in self._outer)
        has_dashboard = self.dashboard_socket is not None
        return front.Descriptors(listening, self._directory, self._certificate, has_dashboard)

    def serve(self, app: Any, ready: Callable[[], None] = lambda: None) -> None:
        """Serve `app` until `leave`, and say when that begins; in the end all connections are closed."""
        served: dict[int, Any] = {}
        for each in self._outer:
            each.listen(BACKLOG)
        server = self._behind(app, served)
        if self._place is not None:
            self._front = front.kept(self._place, self._given)
        # The loop ends when nothing is left for it to wait for.
        self._end = lambda: server.trigger.pull_trigger(served.clear)
        if self._left.is_set():
            served.clear()
        ready()
        try:
            server.run()
            server.task_dispatcher.shutdown()
        finally:
            self.close()

    def leave(self) -> None:
        """End serving, soon; from any thread."""
        self._left.set()
        self._end()

    def _behind(self, app: Any, served: dict[int, Any]) -> Any:
        """Return the WSGI server, of whose sockets one is; all of them are put into `served`."""
        api, alone = self._conf.api, self._place is None
        trusted = {} if alone else {"trusted_proxy": "localhost", "trusted_proxy_headers": TRUSTED}
        create_server(
            app,
            map=served,
            sockets=list(self._inner),
            threads=api.threads,
            max_request_body_size=api.max_body_bytes,
            max_request_header_size=LONGEST_HEAD,
            connection_limit=CONNECTIONS_ALONE,
            channel_timeout=IDLE_S if alone else IDLE_BEHIND_S,
            cleanup_interval=5,
            ident="evener",
            clear_untrusted_proxy_headers=True,
            asyncore_use_poll=True,  # select(2) ends with descriptor 1,023: that of the 200th load balancer
            **trusted,
        )
        servers = [each for each in served.values() if isinstance(each, BaseWSGIServer)]
        for each in servers:
            each.channel_class = Channel
        return servers[0]

    def reload(self) -> None:
        """Read settings and the certificate again, and open log files anew; one that does not serve replaces none."""
        daemon.reload(self._conf)
        try:
            self.renew_certificate()
        except StartError as error:
            LOG.error("The old certificate stays: %s", error)

    def renew_certificate(self) -> None:
        """Read the certificate again, and let a new HAProxy serve it; the old one finishes what it has.

        Raises:
            StartError: when it does not serve; the old one stays.
        """
        old, place = self._front, self._place
        if old is None or place is None or self._certificate is None:
            return
        former = self._certificate
        self._certificate = certificate(self._conf.api.certificate, self._conf.api.key)
        try:
            self._configure(place)
        except Exception:
            self._certificate = former
            raise
        self._front = front.kept(place, self._given)
        old.retire(REQUEST_S)
        os.close(former)

    def close(self) -> None:
        """Listen no more."""
        for each in (*self._outer, *self._inner):
            each.close()
        if self._front is not None:
            self._front.retire()
            self._front = None
        if self.dashboard_socket is not None:
            self.dashboard_socket.close()
        for descriptor in (self._directory, self._certificate):
            if descriptor is not None and descriptor >= 0:
                os.close(descriptor)


TRUSTED = {"x-forwarded-for", "x-forwarded-proto"}  # set by our HAProxy, whatever a client sent


class Channel(HTTPChannel):  # type: ignore[misc] # waitress has no types
    """A connection whose unfinished request has a deadline, however often something of it comes."""

    begun_s = 0.0

    def received(self, data: bytes) -> bool:
        """Take what came."""
        now_s = time.monotonic()
        if self.request is None:
            self.begun_s = now_s
        elif now_s - self.begun_s > REQUEST_S:
            self.will_close = True
        return bool(super().received(data))


def in_front(conf: cfg.ConfigOpts) -> bool:
    """Return whether HAProxy stands in front: where settings do not say otherwise, and there is one.

    Raises:
        BadCertificate: when there is to be TLS without it.
    """
    there = conf.api.front and shutil.which(front.PROGRAM) is not None
    if not there and conf.api.certificate:
        raise BadCertificate(
            "[api] certificate needs HAProxy in front of the API: install it, and leave front = true"
        )
    if not there:
        LOG.warning("No HAProxy in front of the API: slow clients can keep others from it")
    return there


def certificate(file: str, key: str) -> int | None:
    """Return a descriptor with the certificates of `file` and the key in `key`, or in `file`; None without a file.

    Raises:
        BadCertificate: when they cannot be read, or are not what they should be.
    """
    if not file:
        return None
    files = [file, key] if key else [file]
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(file, key or None, password="")
        content = b"\n".join(Path(each).read_bytes() for each in files)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise BadCertificate(
            f"[api] certificate = {file}{f', key = {key}' if key else ''}: {reason};"
            " a PEM file with the certificate, those of its issuers, and here or in key a key without a password"
        ) from None
    descriptor = os.memfd_create("certificate", os.MFD_CLOEXEC)
    with os.fdopen(os.dup(descriptor), "wb") as memory:
        memory.write(content)
    return descriptor


def _place(conf: cfg.ConfigOpts, directory: Path) -> front.Place:
    if os.geteuid() != 0:
        return front.Place(directory, None, None)
    group = conf.haproxy.user_group
    return front.Place(directory, settings.user_of(group), group)


def _unix_socket(place: front.Place, directory: int, name: str) -> socket.socket:
    """Return a socket that HAProxy passes requests to, made by way of the descriptor of its directory.

    The path itself may be longer than the kernel takes.
    """
    path = place.directory / name
    path.unlink(missing_ok=True)
    inner = socket.socket(socket.AF_UNIX)
    inner.bind(f"/proc/self/fd/{directory}/{name}")
    path.chmod(0o660)
    place.give(path)
    inner.listen(BACKLOG)
    return inner
