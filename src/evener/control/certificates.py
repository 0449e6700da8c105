"""The certificates of TERMINATED_HTTPS listeners: asked for, held while they are used, and put into graphs.

Must not let a key into a row, a message or a log; only graphs for agents carry them.
"""

import logging
from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import Row, select

from evener.control.change import Change
from evener.resources.errors import EvenerError, InvalidInput
from evener.resources.graph import Graph, TlsCertificate
from evener.resources.listener import Listener
from evener.resources.types import ListenerProtocol
from evener.secrets.base import Certificate, Consumer, Secrets
from evener.store.database import Transaction
from evener.store.schema import listeners

LOG = logging.getLogger(__name__)
TERMINATED = ListenerProtocol.TERMINATED_HTTPS


def references(listener: Any) -> tuple[str, ...]:
    """Return the references that a listener, or its row, uses: the default first, each once, none without TLS."""
    if listener.protocol != TERMINATED:
        return ()
    found = (listener.default_tls_container_ref, *(listener.sni_container_refs or ()))
    return tuple(dict.fromkeys(ref for ref in found if ref))


def service_of(change: Change) -> Secrets:
    """Return the secret service.

    Raises:
        InvalidInput: where none is configured.
    """
    if change.secrets is None:
        raise InvalidInput(
            "Invalid input for protocol. Reason: 'TERMINATED_HTTPS' needs a secret service for its "
            "certificates, and none is configured; use TCP, HTTP or HTTPS."
        )
    return change.secrets


def claim(change: Change, listener: Listener, before: Collection[str] = ()) -> None:
    """Check and hold the certificates that a new or changed listener uses, and let go of those it does not any more.

    What it used `before` is not checked again: a certificate that has expired since stands in nobody's way.

    Raises:
        NotFound: TLSContainerNotFound, for a reference that means nothing to the listener's project.
        InvalidInput: TLSContainerInvalid, for what is no certificate that can serve.
        Unavailable: CertManagerError, when the secret service cannot say.
    """
    now = references(listener)
    added = [ref for ref in now if ref not in before]
    dropped = sorted(set(before) - set(now))
    if not added and not dropped:
        return
    service, user = service_of(change), Consumer("listener", listener.id)
    for ref in added:
        service.register(change.tx, listener.project_id, ref, user)
        service.certificate(change.tx, listener.project_id, ref)
    for ref in dropped:
        service.unregister(change.tx, listener.project_id, ref, user)


def release(tx: Transaction, secrets: Secrets | None, *which: Any) -> None:
    """Let go of what the listeners use that the conditions `which` select; their rows are about to go."""
    if secrets is None:
        return
    going: Iterable[Row[Any]] = tx.execute(
        select(listeners).where(listeners.c.protocol == TERMINATED, *which)
    )
    for row in list(going):
        for ref in references(row):
            secrets.unregister(tx, row.project_id, ref, Consumer("listener", row.id))


def with_certificates(tx: Transaction, secrets: Secrets, graph: Graph) -> Graph:
    """Return `graph` with the certificates of its listeners in service, and why some cannot be read."""
    found: dict[str, TlsCertificate] = {}
    unreadable: dict[str, str] = {}
    for listener in graph.listeners:
        for ref in references(listener) if listener.admin_state_up else ():
            try:
                found[ref] = _document(secrets.certificate(tx, listener.project_id, ref, in_use=True))
            except EvenerError as error:
                LOG.error("Load balancer %s, listener %s: %s", graph.id, listener.id, error.message)
                unreadable[ref] = error.message
    if not found and not unreadable:
        return graph
    return graph.model_copy(update={"certificates": found, "unreadable": unreadable})


def _document(certificate: Certificate) -> TlsCertificate:
    return TlsCertificate(
        bundle=certificate.bundle, fingerprint=certificate.fingerprint, names=certificate.names
    )
