"""The secret service of standalone: secrets and containers as Barbican keeps them. Knows no HTTP."""

import time
from collections.abc import Collection, Mapping
from pathlib import Path

from sqlalchemy import Table, select

from evener.certificates import errors, opener_pool
from evener.certificates.errors import CertificateInvalid, CertificateNotFound, Unusable
from evener.certificates.opener_pool import Opener
from evener.certificates.parts import (
    Certificate,
    Parts,
    Trusted,
    TrustParts,
    check_freshness,
    check_validity,
)
from evener.resources.errors import EvenerError, Unavailable
from evener.services.secrets import Consumer, Trust
from evener.store.database import Database, Transaction, now, retried
from evener_cloud.secrets import consumers, payloads, references
from evener_cloud.secrets.bounds import Bounds
from evener_cloud.secrets.consumers import OF_CONTAINERS, OF_SECRETS
from evener_cloud.secrets.payloads import Found
from evener_cloud.secrets.references import Reference
from evener_cloud.secrets.sealing import Sealer
from evener_cloud.secrets.tables import secret_containers, secrets

SERVICE = "lbaas"  # what Neutron-LBaaS calls itself as a consumer
REGION = "RegionOne"
MOST_S = 10.0  # spent on the certificates of one request; those that are left are told to come again


class BuiltinSecrets:
    """Implements `evener.services.secrets.Secrets` on tables of its own, which `vault` and `containers` work on."""

    def __init__(
        self,
        database: Database,
        key_file: Path,
        bounds: Bounds | None = None,
        opener: Opener = opener_pool.shared,
    ) -> None:
        """Serve from `database`, with payloads sealed by the keys in `key_file`, which is made if missing."""
        self.database = database
        self.bounds = bounds or Bounds()
        self._opener = opener
        self.sealer = Sealer(key_file)

    def certificates(
        self, project_id: str, refs: Collection[str], *, in_use: bool = False
    ) -> Mapping[str, Certificate | EvenerError]:
        """Return what each of `refs` means to `project_id`; see `evener.services.secrets.Secrets`."""
        wanted = {ref: references.parse(ref) for ref in refs}
        with self.database.read() as tx:
            found = payloads.of(tx, project_id, {each for each in wanted.values() if each is not None})
        latest = time.monotonic() + MOST_S
        return {
            ref: self._certificate(
                project_id, ref, found.get(reference) if reference else None, latest, in_use=in_use
            )
            for ref, reference in wanted.items()
        }

    def _certificate(
        self, project_id: str, ref: str, found: Found | None, latest: float, *, in_use: bool
    ) -> Certificate | EvenerError:
        """Return what was `found` under `ref`, or why it is none; nothing is begun after `latest`."""
        if found is None:
            return CertificateNotFound(ref)
        patience = opener_pool.AN_AGENTS if in_use else opener_pool.A_REQUESTS
        try:
            parts = _parts(self._opened(found, expired_too=in_use))
            certificate = self._opener.open(project_id, parts, patience, latest)
            if not in_use:
                check_validity(certificate, now())
        except Unusable as error:
            return CertificateInvalid(ref, error.reason)
        except Unavailable as error:
            return errors.unprocessable(ref, error)
        return certificate

    def trusted(
        self, project_id: str, wanted: Collection[Trust], *, in_use: bool = False
    ) -> Mapping[Trust, Trusted | EvenerError]:
        """Return what each of `wanted` means to `project_id`; see `evener.services.secrets.Secrets`."""
        refs = {ref for each in wanted for ref in (each.authorities, each.revoked) if ref is not None}
        parsed = {ref: references.parse(ref) for ref in refs}
        with self.database.read() as tx:
            found = payloads.of(tx, project_id, {each for each in parsed.values() if each is not None})
        known = {ref: found.get(each) if each else None for ref, each in parsed.items()}
        latest = time.monotonic() + MOST_S
        return {each: self._trusted(project_id, each, known, latest, in_use=in_use) for each in wanted}

    def _trusted(
        self, project_id: str, trust: Trust, found: Mapping[str, Found | None], latest: float, *, in_use: bool
    ) -> Trusted | EvenerError:
        """Return whom `trust` means, or what is wrong with the one of its references that is looked at last."""
        opened: list[bytes] = []
        patience = opener_pool.AN_AGENTS if in_use else opener_pool.A_REQUESTS
        trusted, ref = None, trust.authorities
        try:
            for ref in filter(None, (trust.authorities, trust.revoked)):
                there = found[ref]
                if there is None:
                    return CertificateNotFound(ref)
                opened.append(_single(self._opened(there, expired_too=in_use)))
                trusted = self._opener.open(project_id, TrustParts(*opened), patience, latest)
                if not in_use:
                    check_freshness(trusted, now())
        except Unusable as error:
            return CertificateInvalid(ref, error.reason)
        except Unavailable as error:
            return errors.unprocessable(ref, error)
        return trusted or CertificateNotFound(ref)

    @retried
    def register(self, project_id: str, ref: str, consumer: Consumer) -> None:
        """Keep what `ref` refers to from being deleted; see `evener.services.secrets.Secrets`."""
        with self.database.write() as tx:
            reference = _find(tx, project_id, ref, lock=True)
            table = consumers.TABLES[reference.collection]
            consumers.add(tx, table, reference.id, _as_consumers(consumer)[table])

    @retried
    def unregister(self, project_id: str, ref: str, consumer: Consumer) -> None:  # noqa: ARG002
        """Let go of it; see `evener.services.secrets.Secrets`."""
        reference = references.parse(ref)
        if reference is not None:
            table = consumers.TABLES[reference.collection]
            with self.database.write() as tx:
                consumers.remove(tx, table, reference.id, _as_consumers(consumer)[table])

    def consumers(self) -> Collection[Consumer]:
        """Return who is registered as what control knows; others may be, by whom they are."""
        start = f"{SERVICE}://{REGION}/"
        with self.database.read() as tx:
            urls = tx.scalar_ids(select(OF_CONTAINERS.c.url).where(OF_CONTAINERS.c.name == SERVICE))
            columns = OF_SECRETS.c
            found = tx.execute(
                select(columns.resource_type, columns.resource_id).where(columns.service == SERVICE)
            )
            pairs = [tuple(row) for row in found]
        pairs += [tuple(url.removeprefix(start).split("/")) for url in urls if url.startswith(start)]
        return {Consumer(*pair) for pair in pairs if len(pair) == 2}

    @retried
    def release(self, consumer: Consumer) -> None:
        """Let go of all that `consumer` is registered for."""
        with self.database.write() as tx:
            for table, wanted in _as_consumers(consumer).items():
                consumers.remove_all(tx, table, wanted)

    def _opened(self, found: Found, *, expired_too: bool) -> Mapping[str, bytes]:
        """Return the payloads by the names of the parts."""
        if found.type != "certificate":
            raise Unusable(f"It is a container of type {found.type}, not certificate")
        opened = {}
        for name, secret in found.parts.items():
            if secret.expiration is not None and secret.expiration <= now() and not expired_too:
                raise Unusable(f"The secret with the {name} has expired on {secret.expiration} UTC")
            if secret.payload is None:
                raise Unusable(f"The secret with the {name} has no payload")
            opened[name] = self.sealer.open(secret.secret_id, secret.payload)
        return opened


def _find(tx: Transaction, project_id: str, ref: str, *, lock: bool = False) -> Reference:
    reference = references.parse(ref)
    if reference is None:
        raise CertificateNotFound(ref)
    table: Table = secret_containers if reference.collection == "containers" else secrets
    statement = select(table.c.id).where(table.c.id == reference.id, table.c.project_id == project_id)
    if tx.scalar(statement.with_for_update() if lock else statement) is None:
        raise CertificateNotFound(ref)
    return reference


def _single(opened: Mapping[str, bytes]) -> bytes:
    """Return the payload of a secret, or of a container that holds it as its certificate."""
    if "certificate" not in opened:
        raise Unusable("The certificate is missing")
    return opened["certificate"]


def _parts(opened: Mapping[str, bytes]) -> Parts:
    if "certificate" not in opened:
        raise Unusable("The certificate is missing")
    passphrase = opened.get("private_key_passphrase")
    return Parts(
        certificate=opened["certificate"],
        private_key=opened.get("private_key"),
        intermediates=opened.get("intermediates"),
        passphrase=passphrase.rstrip(b"\r\n") if passphrase else None,
    )


def _as_consumers(consumer: Consumer) -> Mapping[Table, consumers.Consumer]:
    """Return `consumer` as Barbican's clients see it; the URL is the one that Neutron-LBaaS gives itself."""
    kind, object_id = consumer.resource_type, consumer.resource_id
    return {
        OF_CONTAINERS: {"name": SERVICE, "url": f"{SERVICE}://{REGION}/{kind}/{object_id}"},
        OF_SECRETS: {"service": SERVICE, "resource_type": kind, "resource_id": object_id},
    }
