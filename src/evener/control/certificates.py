"""The certificates of TERMINATED_HTTPS listeners: asked for, held while they are used, and put into graphs.

Must not let a key into a row, a message or a log; only graphs for agents carry them.
"""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from sqlalchemy import select

from evener.resources.errors import Conflict, EvenerError, InvalidInput
from evener.resources.graph import Graph, TlsCertificate
from evener.resources.listener import Listener
from evener.resources.types import ListenerProtocol
from evener.services.secrets import Certificate, Consumer, Secrets
from evener.store.database import Transaction
from evener.store.schema import listeners

LOG = logging.getLogger(__name__)
ATTRIBUTES = ("default_tls_container_ref", "sni_container_refs")
TERMINATED = ListenerProtocol.TERMINATED_HTTPS


@dataclass(frozen=True, slots=True)
class Asked:
    """The secret service, and what it said of the certificates that a request names, before its transaction."""

    service: Secrets | None = None
    said: Mapping[str, Certificate | EvenerError] = field(default_factory=dict)


def ask(service: Secrets | None, project_id: str, refs: Collection[str]) -> Asked:
    """Let the service look at certificates of `project_id`, which may take seconds: never inside a transaction."""
    return Asked(service, service.certificates(project_id, refs) if service is not None and refs else {})


def references(listener: Any) -> tuple[str, ...]:
    """Return the references that a listener, or its row, uses: the default first, each once, none without TLS."""
    return named_by({name: getattr(listener, name) for name in ("protocol", *ATTRIBUTES)})


def named_by(values: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the same for the attributes of a listener."""
    if values.get("protocol") != TERMINATED:
        return ()
    default, sni = map(values.get, ATTRIBUTES)
    found = (default, *(sni or ()))
    return tuple(dict.fromkeys(ref for ref in found if ref))


def service_of(asked: Asked) -> Secrets:
    """Return the secret service.

    Raises:
        InvalidInput: where none is configured.
    """
    if asked.service is None:
        raise InvalidInput(
            "Invalid input for protocol. Reason: 'TERMINATED_HTTPS' needs a secret service for its "
            "certificates, and none is configured; use TCP, HTTP or HTTPS."
        )
    return asked.service


def register(asked: Asked, project_id: str, wanted: Mapping[str, Collection[str]]) -> Asked:
    """Have the service hold what was found well for listeners, by their ids, and return what is found of it now."""
    said = dict(asked.said)
    for listener_id, refs in wanted.items():
        for ref in refs:
            if isinstance(said.get(ref), Certificate):
                try:
                    service_of(asked).register(project_id, ref, user(listener_id))
                except EvenerError as refusal:
                    said[ref] = refusal
    return replace(asked, said=said)


def user(listener_id: str) -> Consumer:
    """Return a listener as the secret service knows it."""
    return Consumer("listener", listener_id)


def claim(tx: Transaction, asked: Asked, listener: Listener, before: Collection[str] = ()) -> None:
    """See that the certificates that a new or changed listener uses are held, and let go of those it had `before`.

    What the service has said of them holds. What the listener used before is not looked at again: a certificate
    that has expired since stands in nobody's way.

    Raises:
        NotFound: TLSContainerNotFound, for a reference that means nothing to the listener's project.
        InvalidInput: TLSContainerInvalid, for what is no certificate that can serve.
        Unavailable: CertManagerError, when the secret service cannot say.
        Conflict: when somebody else has changed the listener's certificates since the service was asked.
    """
    now = references(listener)
    added = [ref for ref in now if ref not in before]
    dropped = sorted(set(before) - set(now))
    if not added and not dropped:
        return
    service = service_of(asked)
    for ref in added:
        if ref not in asked.said:
            raise Conflict(f"The certificates of listener {listener.id} were changed meanwhile; try again")
        said = asked.said[ref]
        if isinstance(said, EvenerError):
            raise said
    for ref in dropped:
        tx.after_commit(partial(service.unregister, listener.project_id, ref, user(listener.id)))


def held(tx: Transaction, *which: Any) -> list[tuple[str, str, Consumer]]:
    """Return what the listeners hold that the conditions `which` select: the project, the reference, the listener."""
    found = tx.execute(select(listeners).where(listeners.c.protocol == TERMINATED, *which)).all()
    return [(row.project_id, ref, user(row.id)) for row in found for ref in references(row)]


def with_certificates(secrets: Secrets, graph: Graph) -> Graph:
    """Return `graph` with the certificates of its listeners in service, and why some cannot be read.

    May take seconds: never inside a transaction.
    """
    in_service = [listener for listener in graph.listeners if listener.admin_state_up]
    refs = tuple(dict.fromkeys(ref for listener in in_service for ref in references(listener)))
    if not refs:
        return graph
    said = secrets.certificates(graph.loadbalancer.project_id, refs, in_use=True)
    found = {ref: _document(each) for ref, each in said.items() if isinstance(each, Certificate)}
    unreadable = {ref: each.message for ref, each in said.items() if isinstance(each, EvenerError)}
    for message in unreadable.values():
        LOG.error("Load balancer %s: %s", graph.id, message)
    return graph.model_copy(update={"certificates": found, "unreadable": unreadable})


def _document(certificate: Certificate) -> TlsCertificate:
    return TlsCertificate(
        bundle=certificate.bundle,
        fingerprint=certificate.fingerprint,
        names=certificate.names,
        key_type=certificate.key_type,
    )
