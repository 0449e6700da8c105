"""How a listener terminates TLS: words of its `bind` lines, and the files these name. Pure: a graph in, text out.

A file's name says what is in it, so that another certificate makes another configuration, and no file that a
configuration names ever changes. HAProxy configuration manual, sections 3.1 ("ssl-default-bind-*", "crt-base") and
5.1 ("crt-list", "ssl-min-ver", "alpn"). Must not put any part of a key anywhere but into a bundle.
"""

import hashlib
from collections.abc import Iterable, Iterator

from evener.dataplane.haproxy.paths import Paths
from evener.dataplane.haproxy.quoting import line
from evener.resources.graph import Graph, TlsCertificate
from evener.resources.listener import Listener
from evener.resources.types import ListenerProtocol

# Mozilla's "intermediate" configuration, version 5.7 (https://wiki.mozilla.org/Security/Server_Side_TLS).
CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
    "DHE-RSA-AES128-GCM-SHA256",
    "DHE-RSA-AES256-GCM-SHA384",
    "DHE-RSA-CHACHA20-POLY1305",
)
CIPHERSUITES = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
OPTIONS = ("prefer-client-ciphers", "ssl-min-ver", "TLSv1.2", "no-tls-tickets")
ALPN = "h2,http/1.1"


def terminates(listener: Listener) -> bool:
    """Return whether clients speak TLS with `listener` itself."""
    return listener.protocol is ListenerProtocol.TERMINATED_HTTPS


def servable(graph: Graph, listener: Listener) -> bool:
    """Return whether there is a certificate for who asks `listener` for no name, where it needs one."""
    return not terminates(listener) or listener.default_tls_container_ref in graph.certificates


def with_known(graph: Graph, known: Graph | None) -> Graph:
    """Return `graph` with certificates that could not be read again from the one applied before.

    What a reference means never changes, so what was read once still holds.
    """
    old = {} if known is None else known.certificates
    kept = {ref: old[ref] for ref in graph.unreadable if ref in old}
    return graph.model_copy(update={"certificates": {**graph.certificates, **kept}}) if kept else graph


def global_lines(paths: Paths, listeners: Iterable[Listener]) -> Iterator[str]:
    """Return what stands in the section `global` as soon as one of `listeners` terminates TLS."""
    if any(terminates(each) for each in listeners):
        yield line("crt-base", str(paths.certificates))
        yield line("ssl-default-bind-options", *OPTIONS)
        yield line("ssl-default-bind-ciphers", ":".join(CIPHERS))
        yield line("ssl-default-bind-ciphersuites", ":".join(CIPHERSUITES))


def bind_words(graph: Graph, listener: Listener, paths: Paths) -> tuple[str, ...]:
    """Return the words behind the address of a `bind` line; none where `listener` does not terminate TLS."""
    if not terminates(listener):
        return ()
    name, _ = _list(graph, listener)
    return ("ssl", "crt-list", str(paths.certificates / name), "alpn", ALPN)


def files(graph: Graph, listeners: Iterable[Listener]) -> dict[str, str]:
    """Return the files that `bind_words` of `listeners` lead to, by their names in the directory of certificates."""
    wanted: dict[str, str] = {}
    for listener in filter(terminates, listeners):
        name, content = _list(graph, listener)
        wanted[name] = content
        wanted |= {_bundle_name(each): each.bundle for each in _certificates(graph, listener)}
    return wanted


def _certificates(graph: Graph, listener: Listener) -> list[TlsCertificate]:
    """Return what there is for `listener`; HAProxy shows the first to who asks for no name that it has."""
    refs = dict.fromkeys((listener.default_tls_container_ref or "", *listener.sni_container_refs))
    return [graph.certificates[ref] for ref in refs if ref in graph.certificates]


def _list(graph: Graph, listener: Listener) -> tuple[str, str]:
    names = dict.fromkeys(_bundle_name(each) for each in _certificates(graph, listener))
    content = "".join(f"{name}\n" for name in names)
    return f"{listener.id}-{_digest(content)}.list", content


def _bundle_name(certificate: TlsCertificate) -> str:
    # The same leaf may come with other intermediates.
    return f"{certificate.fingerprint}-{_digest(certificate.bundle)}.pem"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
