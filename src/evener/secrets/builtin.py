"""The secret service of standalone: secrets and containers as Barbican keeps them. Knows no HTTP."""

from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import Table, select

from evener.resources.errors import Unavailable
from evener.secrets import consumers, containers, errors, references
from evener.secrets.base import Consumer
from evener.secrets.certificates import Certificate, Parts, check_validity
from evener.secrets.consumers import OF_CONTAINERS, OF_SECRETS
from evener.secrets.errors import Unusable
from evener.secrets.opening import open_parts
from evener.secrets.references import Reference
from evener.secrets.sealing import Sealer
from evener.store.database import Database, Transaction, now
from evener.store.secret_tables import secret_containers, secrets

SERVICE = "lbaas"  # what Neutron-LBaaS calls itself as a consumer
REGION = "RegionOne"


class BuiltinSecrets:
    """Implements `evener.secrets.base.Secrets` on tables of its own, which `vault` and `containers` work on."""

    def __init__(self, database: Database, key_file: Path) -> None:
        """Serve from `database`, with payloads sealed by the keys in `key_file`, which is made if missing."""
        self.database = database
        self.sealer = Sealer(key_file)

    def certificate(self, tx: Transaction, project_id: str, ref: str, *, in_use: bool = False) -> Certificate:
        """Return the certificate that `ref` means to `project_id`; see `evener.secrets.base.Secrets`."""
        reference = _find(tx, project_id, ref)
        try:
            payloads = self._payloads(tx, reference, expired_too=in_use)
            found = open_parts(_parts(payloads))
            if not in_use:
                check_validity(found, now())
        except Unusable as error:
            raise errors.container_invalid(ref, error.reason) from None
        except Unavailable as error:
            raise errors.unprocessable(ref, error.message) from None
        return found

    def register(self, tx: Transaction, project_id: str, ref: str, consumer: Consumer) -> None:
        """Keep what `ref` refers to from being deleted; see `evener.secrets.base.Secrets`."""
        reference = _find(tx, project_id, ref, lock=True)
        table, wanted = _as_consumer(reference, consumer)
        consumers.add(tx, table, reference.id, wanted)

    def unregister(self, tx: Transaction, project_id: str, ref: str, consumer: Consumer) -> None:  # noqa: ARG002
        """Let go of it; see `evener.secrets.base.Secrets`."""
        reference = references.parse(ref)
        if reference is not None:
            table, wanted = _as_consumer(reference, consumer)
            consumers.remove(tx, table, reference.id, wanted)

    def _payloads(self, tx: Transaction, reference: Reference, *, expired_too: bool) -> Mapping[str, bytes]:
        """Return the payloads by the names of the parts; that of a single secret is a "certificate"."""
        if reference.collection == "secrets":
            wanted = {reference.id: "certificate"}
        else:
            found = containers.show(tx, None, reference.id)
            if found.row.type != "certificate":
                raise Unusable(f"It is a container of type {found.row.type}, not certificate")
            wanted = {secret_id: name for name, secret_id in found.parts}
        columns = (secrets.c.id, secrets.c.expiration, secrets.c.sealed)
        payloads = {}
        for row in tx.execute(select(*columns).where(secrets.c.id.in_(list(wanted)))):
            name = wanted[row.id]
            if row.expiration is not None and row.expiration <= now() and not expired_too:
                raise Unusable(f"The secret with the {name} has expired on {row.expiration} UTC")
            if row.sealed is None:
                raise Unusable(f"The secret with the {name} has no payload")
            payloads[name] = self.sealer.open(row.id, row.sealed)
        return payloads


def _find(tx: Transaction, project_id: str, ref: str, *, lock: bool = False) -> Reference:
    reference = references.parse(ref)
    if reference is None:
        raise errors.container_not_found(ref)
    table: Table = secret_containers if reference.collection == "containers" else secrets
    statement = select(table.c.id).where(table.c.id == reference.id, table.c.project_id == project_id)
    if tx.scalar(statement.with_for_update() if lock else statement) is None:
        raise errors.container_not_found(ref)
    return reference


def _parts(payloads: Mapping[str, bytes]) -> Parts:
    if "certificate" not in payloads:
        raise Unusable("The certificate is missing")
    passphrase = payloads.get("private_key_passphrase")
    return Parts(
        certificate=payloads["certificate"],
        private_key=payloads.get("private_key"),
        intermediates=payloads.get("intermediates"),
        passphrase=passphrase.rstrip(b"\r\n") if passphrase else None,
    )


def _as_consumer(reference: Reference, consumer: Consumer) -> tuple[Table, consumers.Consumer]:
    """Return `consumer` as Barbican's clients see it; the URL is the one that Neutron-LBaaS gives itself."""
    kind, object_id = consumer.resource_type, consumer.resource_id
    if reference.collection == "containers":
        return OF_CONTAINERS, {"name": SERVICE, "url": f"{SERVICE}://{REGION}/{kind}/{object_id}"}
    return OF_SECRETS, {"service": SERVICE, "resource_type": kind, "resource_id": object_id}
