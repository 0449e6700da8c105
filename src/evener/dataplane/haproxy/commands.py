"""What a step of a plan is on HAProxy's runtime socket. Pure: a step in, lines of commands out.

HAProxy management manual, section 9.3, of 2.6 and 3.0.
"""

from collections.abc import Iterator

from evener.dataplane.haproxy import tls
from evener.dataplane.haproxy.model import Certificate, TlsFile
from evener.dataplane.haproxy.plan import (
    AddCertificate,
    AddServer,
    LoadFile,
    RemoveCertificate,
    RemoveServer,
    ReplaceCertificate,
    ReplaceFile,
    RuntimeStep,
    SetLimit,
    SetState,
    SetWeight,
)
from evener.dataplane.haproxy.quoting import line


def commands(step: RuntimeStep) -> tuple[str, ...]:
    """Return the commands of `step` on the runtime socket, in order; all must be taken.

    RemoveServer ends with `del server`, which HAProxy refuses while the server has connections.
    """
    match step:
        case AddServer() | RemoveServer() | SetWeight() | SetState():
            return tuple(_on_server(step))
        case SetLimit(frontend, limit):
            return (line("set", "maxconn", "frontend", frontend, limit),)
        case LoadFile(file):
            return (line("new", "ssl", file.kind, tls.path(file.name)), *_content(file))
        case ReplaceFile(file):
            return tuple(_content(file))
        case _:
            return tuple(_on_certificate(step))


def _on_server(step: AddServer | RemoveServer | SetWeight | SetState) -> Iterator[str]:
    match step:
        case AddServer(backend, server):
            name = f"{backend}/{server.name}"
            yield f"{line('add', 'server', name)} {server.words()}"
            if server.cookie:
                # Without this, 2.6 works a new server's cookie out only when its address changes.
                yield line("enable", "dynamic-cookie", "backend", backend)
            # A server made at run time is in maintenance and unchecked until told otherwise.
            if server.checked:
                yield line("enable", "health", name)
            if server.enabled:
                yield _state(name, enabled=True)
        case RemoveServer(backend, name):
            yield _state(f"{backend}/{name}", enabled=False)
            yield line("del", "server", f"{backend}/{name}")
        case SetWeight(backend, name, weight, enabled):
            yield line("set", "server", f"{backend}/{name}", "weight", weight)
            # A server whose file says weight 0 starts as drained, which a weight alone does not undo.
            if enabled and weight:
                yield _state(f"{backend}/{name}", enabled=True)
        case SetState(backend, name, enabled):
            yield _state(f"{backend}/{name}", enabled=enabled)


def _state(name: str, *, enabled: bool) -> str:
    return line("set", "server", name, "state", "ready" if enabled else "maint")


def _on_certificate(step: AddCertificate | ReplaceCertificate | RemoveCertificate) -> Iterator[str]:
    match step:
        case AddCertificate(frontend, certificate):
            yield line("new", "ssl", "cert", tls.path(certificate.name))
            yield from _content(_file(certificate))
            # Names in a list begin at `crt-base`, here as in the file.
            yield line("add", "ssl", "crt-list", _list(frontend), certificate.name)
        case ReplaceCertificate(certificate):
            yield from _content(_file(certificate))
        case RemoveCertificate(frontend, name):
            yield line("del", "ssl", "crt-list", _list(frontend), tls.path(name))
            yield line("del", "ssl", "cert", tls.path(name))


def _list(frontend: str) -> str:
    return tls.path(tls.list_name(frontend))


def _file(certificate: Certificate) -> TlsFile:
    return TlsFile("cert", certificate.name, certificate.bundle)


def _content(file: TlsFile) -> Iterator[str]:
    name = tls.path(file.name)
    # An empty line ends what a command brings with it.
    pem = "\n".join(text for text in file.content.split("\n") if text.strip())
    yield f"{line('set', 'ssl', file.kind, name)} <<\n{pem}\n"
    yield line("commit", "ssl", file.kind, name)
