"""How members are spoken to by TLS: words of their `server` lines, and the files these name. Pure.

The certificate that members are shown has a name that stays, and another is put in at run time. What authorities are
trusted is in their files' names, so that others are another configuration, which takes a reload: connections that are
kept for further requests would go on to a member that is trusted no more.

HAProxy configuration manual, section 5.2 ("ssl", "sni", "verify", "ca-file", "crl-file", "crt"). The same words make a
server at run time (management manual, section 9.3, "add server"), of files that it has read before.
"""

from evener.dataplane.haproxy import tls
from evener.dataplane.haproxy.model import TlsFile
from evener.dataplane.haproxy.tls_words import CIPHERS, CIPHERSUITES, alpn, parameters
from evener.resources.graph import Graph
from evener.resources.pool import Pool
from evener.resources.types import TlsVersion

_CIPHERS = ":".join((*CIPHERSUITES, *CIPHERS))
_VERSIONS = (TlsVersion.TLSv1_2, TlsVersion.TLSv1_3)


def servable(graph: Graph, pool: Pool) -> bool:
    """Return whether there is all without which no member of `pool` may be spoken to."""
    if not pool.tls_enabled:
        return True
    shown = pool.tls_container_ref is None or pool.tls_container_ref in graph.certificates
    return shown and (
        pool.ca_tls_container_ref is None
        or tls.trusts(graph, pool.ca_tls_container_ref, pool.crl_container_ref)
    )


def words(graph: Graph, pool: Pool, *, requests: bool) -> tuple[str, ...]:
    """Return the words behind the address of a member of `pool`; none where it is not spoken to by TLS.

    A member is asked for by the name that the client has asked for, and has to prove that where it has to prove
    anything. Protocols are offered where `requests` are sent: what a stream of bytes is about nobody knows.
    """
    if not pool.tls_enabled:
        return ()
    named = files(graph, pool)
    verify = "none" if pool.ca_tls_container_ref is None else "required"
    found: tuple[str, ...] = ("ssl", "sni", "ssl_fc_sni", "verify", verify)
    for each in named:  # names of certificates begin at `crt-base`
        found += ("crt", each.name) if each.kind == "cert" else (each.kind, tls.path(each.name))
    found += parameters(pool.tls_ciphers or _CIPHERS, pool.tls_versions or _VERSIONS)
    offered = alpn(pool.alpn_protocols) if pool.alpn_protocols and requests else ()
    return (*found, *offered)


def files(graph: Graph, pool: Pool) -> tuple[TlsFile, ...]:
    """Return the files that `words` name."""
    if not pool.tls_enabled:
        return ()
    found: tuple[TlsFile, ...] = ()
    if pool.tls_container_ref is not None:
        found += (TlsFile("cert", f"{pool.id}.pem", graph.certificates[pool.tls_container_ref].bundle),)
    if pool.ca_tls_container_ref is not None:
        found += (_trust("ca-file", pool, graph.authorities[pool.ca_tls_container_ref]),)
        if pool.crl_container_ref is not None:
            found += (_trust("crl-file", pool, graph.revoked[pool.crl_container_ref]),)
    return found


def _trust(kind: str, pool: Pool, content: str) -> TlsFile:
    return TlsFile(kind, f"{pool.id}-{kind.removesuffix('-file')}-{tls.digest(content)}.pem", content)
