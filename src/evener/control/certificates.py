"""The certificates of listeners and pools, and whom these trust: asked for, held while in use, and put into graphs.

Must not let a key into a row, a message or a log; only graphs for agents carry them.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, or_, select

from evener.control.consumers import Consumers, Use, meant, settle
from evener.resources import tls_rules
from evener.resources.caller import Caller
from evener.resources.describe import Resource
from evener.resources.errors import Conflict, EvenerError, InvalidInput, Unavailable
from evener.resources.graph import Graph, TlsCertificate
from evener.resources.listener import Listener
from evener.resources.pool import Pool
from evener.services.secrets import Certificate, Consumer, Secrets, Trust, Trusted
from evener.store.database import Transaction
from evener.store.rows import portions, table

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Roles:
    """Which attributes of a kind of object name what: certificates to show, authorities, what these have revoked."""

    certificates: tuple[str, ...]
    authorities: str
    revoked: str

    @property
    def attributes(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.certificates, self.authorities, self.revoked)


# The kinds of objects that name any.
KINDS: Mapping[type[Resource], Roles] = {
    Listener: Roles(
        certificates=("default_tls_container_ref", "sni_container_refs"),
        authorities="client_ca_tls_container_ref",
        revoked="client_crl_container_ref",
    ),
    Pool: Roles(
        certificates=("tls_container_ref",), authorities="ca_tls_container_ref", revoked="crl_container_ref"
    ),
}


@dataclass(frozen=True, slots=True)
class Named:
    """What an object names: certificates, the default first, each once, and whom it trusts."""

    certificates: tuple[str, ...] = ()
    trust: Trust | None = None

    @property
    def refs(self) -> tuple[str, ...]:
        """All references, each once."""
        trusted = () if self.trust is None else self.trust.refs
        return tuple(dict.fromkeys((*self.certificates, *trusted)))

    def __bool__(self) -> bool:
        return bool(self.refs)


@dataclass(frozen=True, slots=True)
class Asked:
    """Who uses the secret service, and what that said of what a request names, before its transaction."""

    consumers: Consumers | None = None
    said: Mapping[str, Certificate | EvenerError] = field(default_factory=dict)
    trusted: Mapping[Trust, Trusted | EvenerError] = field(default_factory=dict)
    notes: Mapping[str, Use] = field(default_factory=dict)
    unsure: frozenset[str] = frozenset()  # of the notes, what may be done at the service yet

    def of(self, ref: str) -> EvenerError | None:
        """Return what is wrong with what a reference means, in whatever it is named for."""
        trusts = [said for each, said in self.trusted.items() if ref in each.refs]
        return next((said for said in (self.said.get(ref), *trusts) if isinstance(said, EvenerError)), None)

    def knows(self, named: Named) -> bool:
        """Return whether the service was asked for all that `named` says."""
        return set(named.certificates) <= self.said.keys() and (
            named.trust is None or named.trust in self.trusted
        )


def ask(
    consumers: Consumers | None, caller: Caller | None, project_id: str, wanted: Iterable[Named]
) -> Asked:
    """Let the service look at what `caller` names for `project_id`, or (None) what serves it already.

    May take seconds: never inside a transaction.
    """
    wanted = tuple(wanted)
    refs = {ref for each in wanted for ref in each.certificates}
    trusts = {each.trust for each in wanted if each.trust is not None}
    if consumers is None:
        return Asked()
    secrets = consumers.secrets
    return Asked(
        consumers,
        secrets.certificates(project_id, refs, caller) if refs else {},
        secrets.trusted(project_id, trusts, caller) if trusts else {},
    )


def references(cls: type[Resource], found: Any) -> Named:
    """Return what an object, or its row, names."""
    names = ("protocol", *KINDS[cls].attributes) if cls in KINDS else ()
    return named_by(cls, {name: getattr(found, name) for name in names})


def named_by(cls: type[Resource], values: Mapping[str, Any]) -> Named:
    """Return the same for the attributes of an object: nothing for a listener that has no certificates."""
    roles = KINDS.get(cls)
    if roles is None or (cls is Listener and values.get("protocol") not in tls_rules.WITH_CERTIFICATES):
        return Named()
    refs: list[str | None] = []
    for value in map(values.get, roles.certificates):
        refs += [value] if isinstance(value, str) else (value or ())
    authorities = values.get(roles.authorities)
    return Named(
        certificates=tuple(dict.fromkeys(ref for ref in refs if ref)),
        trust=Trust(authorities, values.get(roles.revoked) or None) if authorities else None,
    )


def brought_by(cls: type[Resource], row: Any, values: Mapping[str, Any]) -> Named:
    """Return what a change brings that the object did not name before."""
    before = {name: getattr(row, name) for name in ("protocol", *KINDS[cls].attributes)}
    return added(named_by(cls, {**before, **values}), named_by(cls, before))


def consumers_of(asked: Asked, cls: type[Resource] = Listener) -> Consumers:
    """Return who uses the secret service.

    Raises:
        InvalidInput: where none is configured.
    """
    if asked.consumers is None:
        what, other = ("protocol", "TERMINATED_HTTPS"), "; use TCP, HTTP or HTTPS"
        if cls is not Listener:
            what, other = ("tls_enabled", "TLS with certificates"), ""
        raise InvalidInput(
            f"Invalid input for {what[0]}. Reason: '{what[1]}' needs a secret service for its "
            f"certificates, and none is configured{other}."
        )
    return asked.consumers


def register(asked: Asked, project_id: str, wanted: Mapping[Consumer, Named]) -> Asked:
    """Have the service hold what was found well for who wants it, and return what is found of it now.

    What is registered is noted first, in a transaction of its own: who uses it settles that by `claim`.
    """
    if asked.consumers is None:
        return asked
    uses = [
        Use(project_id, ref, consumer)
        for consumer, named in wanted.items()
        for ref in named.refs
        if asked.of(ref) is None
    ]
    notes = asked.consumers.note(uses) if uses else {}
    said, unsure = dict(asked.said), set()
    for note_id, use in notes.items():
        try:
            asked.consumers.secrets.register(*use)
        except EvenerError as refusal:
            said[use.ref] = refusal
            if isinstance(refusal, Unavailable):
                unsure.add(note_id)
    return replace(asked, said=said, notes=notes, unsure=frozenset(unsure))


def user(cls: type[Resource], object_id: str) -> Consumer:
    """Return an object as the secret service knows it."""
    return Consumer(cls.KIND, object_id)


def claim(
    tx: Transaction,
    asked: Asked,
    found: Any,
    before: Named = Named(),
) -> None:
    """See that what a new or changed object names is held, and let go of what it had `before`.

    What the service has said of it holds. What the object used before is not looked at again: a certificate
    that has expired since stands in nobody's way.

    Raises:
        NotFound: TLSContainerNotFound, for a reference that means nothing to the object's project.
        InvalidInput: TLSContainerInvalid, for what is no certificate that can serve.
        Unavailable: CertManagerError, when the secret service cannot say; also when what was registered was swept.
        Conflict: when somebody else has changed what the object names since the service was asked.
    """
    now = references(type(found), found)
    new = added(now, before)
    still = {meant(ref) for ref in now.refs}
    dropped = sorted(ref for ref in before.refs if meant(ref) not in still)
    if not new and not dropped:
        return
    consumers = consumers_of(asked, type(found))
    if not asked.knows(new):
        raise Conflict(f"The certificates of {found.KIND} {found.id} were changed meanwhile; try again")
    for ref in new.refs:
        error = asked.of(ref)
        if error is not None:
            raise error
    consumer, project_id = user(type(found), found.id), found.project_id
    notes = [each for each, use in asked.notes.items() if use.consumer == consumer]
    if not settle(tx, notes):
        raise Unavailable(
            f"Making sure of the certificates of {found.KIND} {found.id} took too long; try again"
        )
    consumers.leave(tx, (Use(project_id, ref, consumer) for ref in dropped))


def claim_changed(tx: Transaction, asked: Asked, before: Resource, values: Mapping[str, Any]) -> None:
    """See to the same for an object that was `before`, and that `values` change."""
    changed = before.model_copy(update=dict(values))
    claim(tx, asked, changed, references(type(before), before))


def added(now: Named, before: Named) -> Named:
    """Return what of `now` is to be looked at where `before` was looked at already."""
    return Named(
        certificates=tuple(ref for ref in now.certificates if ref not in before.certificates),
        trust=None if now.trust == before.trust else now.trust,
    )


def held(tx: Transaction, which: Callable[[Any], Sequence[ColumnElement[bool]]]) -> list[Use]:
    """Return what objects use whose columns fulfil the conditions `which`."""
    return [each for cls in KINDS for each in _held(tx, cls, which(table(cls).c))]


def held_by(tx: Transaction, ids: Collection[str]) -> list[Use]:
    """Return what the objects with these ids use."""
    return [each for some in portions(sorted(ids)) for each in held(tx, partial(_among, some))]


def _among(ids: list[str], columns: Any) -> list[ColumnElement[bool]]:
    return [columns.id.in_(ids)]


def _held(tx: Transaction, cls: type[Resource], which: Sequence[ColumnElement[bool]]) -> Iterator[Use]:
    columns = table(cls).c
    names: ColumnElement[bool]
    if cls is Listener:
        names = columns.protocol.in_(sorted(tls_rules.WITH_CERTIFICATES))
    else:
        names = or_(*(columns[name].is_not(None) for name in KINDS[cls].attributes))
    for row in tx.execute(select(table(cls)).where(names, *which)).all():
        for ref in references(cls, row).refs:
            yield Use(row.project_id, ref, user(cls, row.id))


def with_certificates(secrets: Secrets, graph: Graph) -> Graph:
    """Return `graph` with what its listeners and pools in service name, and why some cannot be read.

    May take seconds: never inside a transaction.
    """
    named = [references(Listener, each) for each in graph.listeners if each.admin_state_up]
    named += [references(Pool, each.pool) for each in graph.pools if each.pool.tls_enabled]
    project_id = graph.loadbalancer.project_id
    refs = tuple(dict.fromkeys(ref for each in named for ref in each.certificates))
    trusts = tuple(dict.fromkeys(each.trust for each in named if each.trust is not None))
    if not refs and not trusts:
        return graph
    said = secrets.certificates(project_id, refs, None) if refs else {}
    trusted = secrets.trusted(project_id, trusts, None) if trusts else {}
    unreadable = {ref: each.message for ref, each in said.items() if isinstance(each, EvenerError)}
    authorities, revoked = {}, {}
    for trust, each in trusted.items():
        if isinstance(each, EvenerError):
            unreadable |= dict.fromkeys(trust.refs, each.message)
            continue
        authorities[trust.authorities] = each.authorities
        if trust.revoked is not None:
            revoked[trust.revoked] = each.revoked or ""
    for message in dict.fromkeys(unreadable.values()):
        LOG.error("Load balancer %s: what its listeners show cannot be read: %s", graph.id, message)
    update = {
        "certificates": {ref: _document(each) for ref, each in said.items() if isinstance(each, Certificate)},
        "authorities": authorities,
        "revoked": revoked,
        "unreadable": unreadable,
    }
    return graph.model_copy(update=update)


def _document(certificate: Certificate) -> TlsCertificate:
    return TlsCertificate(
        bundle=certificate.bundle,
        fingerprint=certificate.fingerprint,
        names=certificate.names,
        key_type=certificate.key_type,
        not_after=int(certificate.not_after.replace(tzinfo=UTC).timestamp()),
    )


def wanted_of(new: Mapping[type[Resource], Collection[Mapping[str, Any]]]) -> dict[Consumer, Named]:
    """Return what objects that are to be made name, by kind and by who holds it."""
    found = {user(cls, each["id"]): named_by(cls, each) for cls in KINDS for each in new[cls]}
    return {consumer: named for consumer, named in found.items() if named}
