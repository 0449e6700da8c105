"""How a listener terminates TLS: words of its `bind` lines, and the files these name. Pure: a graph in, text out.

A listener's list and its default certificate have names that stay, so that another certificate makes no other
configuration; every other file's name says what is in it, so that one can come before another goes. HAProxy
configuration manual, sections 3.1 ("ssl-default-bind-*", "crt-base") and 5.1 ("crt-list", "ssl-min-ver", "alpn").
Must not put any part of a key anywhere but into a bundle.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence

from evener.dataplane.haproxy.model import Certificate, Config
from evener.dataplane.haproxy.paths import CERTIFICATES
from evener.dataplane.haproxy.quoting import line
from evener.resources.graph import Graph
from evener.resources.listener import Listener
from evener.resources.types import ListenerProtocol

# Mozilla's "intermediate" configuration, version 5.7 (https://wiki.mozilla.org/Security/Server_Side_TLS), but for DHE:
# a client that computes nothing itself makes a server compute much with it (CVE-2002-20001), and all that speak TLS 1.2
# with AEAD know ECDHE as well.
CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
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


def global_lines(listeners: Sequence[Listener]) -> Iterator[str]:
    """Return what stands in the section `global` as soon as one of `listeners` terminates TLS."""
    if any(terminates(each) for each in listeners):
        yield line("crt-base", CERTIFICATES)
        yield line("ssl-default-bind-options", *OPTIONS)
        yield line("ssl-default-bind-ciphers", ":".join(CIPHERS))
        yield line("ssl-default-bind-ciphersuites", ":".join(CIPHERSUITES))


def bind_words(listener: Listener) -> tuple[str, ...]:
    """Return the words behind the address of a `bind` line; none where `listener` does not terminate TLS."""
    if not terminates(listener):
        return ()
    return ("ssl", "crt-list", path(list_name(listener.id)), "alpn", ALPN)


def path(name: str) -> str:
    """Return what HAProxy calls the file `name` in the directory of certificates."""
    return f"{CERTIFICATES}/{name}"


def list_name(frontend: str) -> str:
    """Return the name of the file that lists the certificates of `frontend`."""
    return f"{frontend}.list"


def certificates(graph: Graph, listener: Listener) -> tuple[Certificate, ...]:
    """Return what there is for `listener`, each once; the first is for who asks for no name that it has."""
    if not terminates(listener):
        return ()
    refs = dict.fromkeys((listener.default_tls_container_ref or "", *listener.sni_container_refs))
    found = {
        each.bundle: each for each in (graph.certificates[ref] for ref in refs if ref in graph.certificates)
    }
    return tuple(
        Certificate(_name(listener, each.bundle, default=number == 0), each.bundle, each.names, each.key_type)
        for number, each in enumerate(found.values())
    )


def _name(listener: Listener, bundle: str, *, default: bool) -> str:
    # HAProxy deletes no certificate that is a default; but it replaces the content of any.
    digest = hashlib.sha256(bundle.encode()).hexdigest()[:32]
    return f"{listener.id}.pem" if default else f"{listener.id}-{digest}.pem"


def files(config: Config) -> dict[str, str]:
    """Return the files that `config` leads to, by their names in the directory of certificates."""
    wanted: dict[str, str] = {}
    for frontend in config.frontends:
        if frontend.certificates:
            wanted |= {each.name: each.bundle for each in frontend.certificates}
            wanted[list_name(frontend.name)] = "".join(f"{each.name}\n" for each in frontend.certificates)
    return wanted


def compete(found: Sequence[Certificate]) -> bool:
    """Return whether two of `found` serve the same client: the same host name with the same kind of key."""
    by_host = Counter(host for each in found for host in set(each.hosts))
    shared = {host for host, number in by_host.items() if number > 1}
    pairs = Counter((host, each.key_type) for each in found for host in shared.intersection(each.hosts))
    return any(number > 1 for number in pairs.values())
