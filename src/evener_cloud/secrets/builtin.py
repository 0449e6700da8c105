"""The secret service of standalone: secrets and containers as Barbican keeps them. Knows no HTTP."""

from collections.abc import Collection, Mapping
from pathlib import Path

from sqlalchemy import Table, select

from evener.certificates import opener_pool
from evener.certificates.errors import CertificateNotFound, Unusable
from evener.certificates.opener_pool import Opener
from evener.certificates.opening import Opening, check_container
from evener.certificates.parts import Certificate, Trusted
from evener.resources.caller import Caller
from evener.resources.errors import EvenerError
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
        self, project_id: str, refs: Collection[str], caller: Caller | None
    ) -> Mapping[str, Certificate | EvenerError]:
        """Return what each of `refs` means to `project_id`; see `evener.services.secrets.Secrets`."""
        return self._opening(project_id, refs, in_use=caller is None).certificates(refs)

    def trusted(
        self, project_id: str, wanted: Collection[Trust], caller: Caller | None
    ) -> Mapping[Trust, Trusted | EvenerError]:
        """Return what each of `wanted` means to `project_id`; see `evener.services.secrets.Secrets`."""
        refs = {ref for each in wanted for ref in each.refs}
        return self._opening(project_id, refs, in_use=caller is None).trusted(wanted)

    def _opening(self, project_id: str, refs: Collection[str], *, in_use: bool) -> Opening:
        """Return what opens `refs`, of which all that there is has been read: one statement."""
        wanted = {ref: references.parse(ref) for ref in refs}
        with self.database.read() as tx:
            there = payloads.of(tx, project_id, {each for each in wanted.values() if each is not None})

        def find(ref: str) -> Mapping[str, bytes]:
            reference = wanted[ref]
            if reference is None or reference not in there:
                raise CertificateNotFound(ref)
            return self._opened(there[reference], expired_too=in_use)

        return Opening(self._opener, project_id, find, in_use)

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

    def _opened(self, found: Found, *, expired_too: bool) -> Mapping[str, bytes]:
        """Return the payloads by the names of the parts."""
        check_container(found.type)
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


def _as_consumers(consumer: Consumer) -> Mapping[Table, consumers.Consumer]:
    """Return `consumer` as Barbican's clients see it; the URL is the one that Neutron-LBaaS gives itself."""
    kind, object_id = consumer.resource_type, consumer.resource_id
    return {
        OF_CONTAINERS: {"name": SERVICE, "url": f"{SERVICE}://{REGION}/{kind}/{object_id}"},
        OF_SECRETS: {"service": SERVICE, "resource_type": kind, "resource_id": object_id},
    }
