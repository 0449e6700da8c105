"""How a listener terminates TLS: words of its `bind` lines, and the files these name. Pure: a graph in, text out.

A listener's list and its default certificate have names that stay, so that another certificate makes no other
configuration; every other file's name says what is in it, so that one can come before another goes. HAProxy
configuration manual, sections 3.1 ("ssl-default-bind-*", "crt-base") and 5.1 ("crt-list", "ssl-min-ver", "alpn").
Must not put any part of a key anywhere but into a bundle.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from evener.dataplane.haproxy.model import Certificate, Config, TlsFile
from evener.dataplane.haproxy.paths import CERTIFICATES
from evener.dataplane.haproxy.quoting import line
from evener.dataplane.haproxy.tls_words import CIPHERS, CIPHERSUITES, alpn, parameters, wants_dhe
from evener.resources import tls_rules
from evener.resources.graph import Graph
from evener.resources.listener import Listener
from evener.resources.pool import Pool
from evener.resources.types import AlpnProtocol, ClientAuthentication

OPTIONS = ("prefer-client-ciphers", "ssl-min-ver", "TLSv1.2", "no-tls-tickets")
_DH_BITS = 2048  # as OpenSSL's security level 2 has it
ALPN = (AlpnProtocol.H2, AlpnProtocol.HTTP_1_1)


def terminates(listener: Listener) -> bool:
    """Return whether clients speak TLS with `listener` itself."""
    refs = (listener.default_tls_container_ref, listener.sni_container_refs)
    return tls_rules.terminates(listener.protocol, *refs)


def authenticates(listener: Listener) -> bool:
    """Return whether clients of `listener` are asked for a certificate."""
    return terminates(listener) and listener.client_authentication is not ClientAuthentication.NONE


def servable(graph: Graph, listener: Listener) -> bool:
    """Return whether there is all without which nobody may be let in by `listener`.

    That is a certificate for who asks for no name, and what says whose certificates are trusted.
    """
    if not terminates(listener):
        return True
    if _default_ref(listener) not in graph.certificates:
        return False
    trust = (listener.client_ca_tls_container_ref, listener.client_crl_container_ref)
    return not authenticates(listener) or trusts(graph, *trust)


def trusts(graph: Graph, authorities: str | None, revoked: str | None) -> bool:
    """Return whether there are the authorities that are named, and what they have revoked where that is named."""
    return authorities in graph.authorities and (revoked is None or revoked in graph.revoked)


def _default_ref(listener: Listener) -> str | None:
    """Return the reference of the certificate for who asks for no name: the first where none is the default."""
    return listener.default_tls_container_ref or next(iter(listener.sni_container_refs), None)


def with_known(graph: Graph, known: Graph | None) -> Graph:
    """Return `graph` with certificates that could not be read again from the one applied before.

    What a reference means never changes, so what was read once still holds.
    """
    if known is None:
        return graph
    update = {}
    for name in ("certificates", "authorities", "revoked"):
        old, new = getattr(known, name), getattr(graph, name)
        update[name] = {ref: old[ref] for ref in graph.unreadable if ref in old} | new
    return graph.model_copy(update=update)


def global_lines(listeners: Sequence[Listener], pools: Iterable[Pool]) -> Iterator[str]:
    """Return what stands in the section `global` as soon as one of `listeners` or `pools` speaks TLS."""
    terminating = any(terminates(each) for each in listeners)
    if terminating or any(each.tls_enabled for each in pools):
        yield line("crt-base", CERTIFICATES)
    if any(authenticates(each) for each in listeners):
        # A session that goes on is not looked at again: nobody whose certificate is revoked may have one.
        yield line("tune.ssl.cachesize", 0)
    if any(wants_dhe(each.tls_ciphers) for each in listeners if terminates(each)):
        yield line("tune.ssl.default-dh-param", _DH_BITS)
    if terminating:
        yield line("ssl-default-bind-options", *OPTIONS)
        yield line("ssl-default-bind-ciphers", ":".join(CIPHERS))
        yield line("ssl-default-bind-ciphersuites", ":".join(CIPHERSUITES))


def bind_words(listener: Listener) -> tuple[str, ...]:
    """Return the words behind the address of a `bind` line; none where `listener` does not terminate TLS."""
    if not terminates(listener):
        return ()
    return (
        *("ssl", "crt-list", path(list_name(listener.id)), *alpn(listener.alpn_protocols or ALPN)),
        *parameters(listener.tls_ciphers, listener.tls_versions),
        *_asking_words(listener),
    )


def _asking_words(listener: Listener) -> tuple[str, ...]:
    """Return the words that ask clients for a certificate."""
    if not authenticates(listener):
        return ()
    how = "required" if listener.client_authentication is ClientAuthentication.MANDATORY else "optional"
    words = ("verify", how, "ca-file", path(f"{listener.id}-ca.pem"))
    if listener.client_crl_container_ref is None:
        return words
    return (*words, "crl-file", path(f"{listener.id}-crl.pem"))


def clients_trust(graph: Graph, listener: Listener) -> tuple[TlsFile, ...]:
    """Return the files by which certificates of clients of `listener` are looked at; none where nobody asks."""
    if not authenticates(listener):
        return ()
    authorities = graph.authorities[str(listener.client_ca_tls_container_ref)]
    found = (TlsFile("ca-file", f"{listener.id}-ca.pem", authorities),)
    if listener.client_crl_container_ref is None:
        return found
    revoked = graph.revoked[listener.client_crl_container_ref]
    return (*found, TlsFile("crl-file", f"{listener.id}-crl.pem", revoked))


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
    return f"{listener.id}.pem" if default else f"{listener.id}-{digest(bundle)}.pem"


def digest(text: str) -> str:
    """Return what stands in a file's name for what is in it."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def files(config: Config) -> dict[str, str]:
    """Return the files that `config` leads to, by their names in the directory of certificates."""
    wanted: dict[str, str] = {}
    for frontend in config.frontends:
        if frontend.certificates:
            wanted |= {each.name: each.bundle for each in frontend.certificates}
            wanted[list_name(frontend.name)] = "".join(f"{each.name}\n" for each in frontend.certificates)
        wanted |= {each.name: each.content for each in frontend.trust}
    for backend in config.backends:
        wanted |= {each.name: each.content for each in backend.files}
    return wanted


def compete(found: Sequence[Certificate]) -> bool:
    """Return whether two of `found` serve the same client: the same host name with the same kind of key."""
    by_host = Counter(host for each in found for host in set(each.hosts))
    shared = {host for host, number in by_host.items() if number > 1}
    pairs = Counter((host, each.key_type) for each in found for host in shared.intersection(each.hosts))
    return any(number > 1 for number in pairs.values())
