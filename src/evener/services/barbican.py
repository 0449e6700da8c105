"""The secret service of a cloud with Barbican: `evener.services.secrets.Secrets` by Barbican's REST API.

Who names a reference has to have a right to it, which Barbican is asked for with the caller's token. All later is done
by our own right, which the owner gives us in the list of access (ACL) of the container and of each secret in it; what
the caller may give, we add there ourselves. Must not write any of what it reads into a log or an error.
"""

import logging
import time
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from oslo_config import cfg

from evener.certificates import errors, opener_pool, references
from evener.certificates.errors import CertificateInvalid, CertificateNotFound, Unusable
from evener.certificates.opener_pool import Memory, Opener
from evener.certificates.opening import MOST_S, Opening
from evener.certificates.parts import Certificate, Trusted
from evener.certificates.references import Reference
from evener.resources.caller import Caller
from evener.resources.errors import Busy, EvenerError, Forbidden, NotFound, Unavailable
from evener.services.barbican_api import Barbican
from evener.services.secrets import Consumer, Trust
from evener.services.sessions import Service, open_session

LOG = logging.getLogger(__name__)
GROUP = "barbican"
AT_ONCE = 4  # references of one request
REMEMBERED = 1024  # references
TRUSTED_S = (
    300.0  # that what we have read is not asked for again: what it is never changes, but the right to it may
)


@dataclass(frozen=True, slots=True)
class Remembered:
    """What we have read ourselves; `at` is on the monotonic clock."""

    payloads: Mapping[str, bytes] = field(repr=False)
    at: float

    @property
    def fresh(self) -> bool:
        """Whether it need not be asked for again."""
        return time.monotonic() < self.at + TRUSTED_S


def make(conf: cfg.ConfigOpts) -> "BarbicanSecrets":
    """Return the secret service that `[barbican]` and `[service_auth]` describe; nothing is asked yet.

    Raises:
        SystemExit: when the settings do not suffice.
    """
    return BarbicanSecrets(Barbican(Service(conf, open_session(conf), "key-manager", GROUP, "Barbican")))


class BarbicanSecrets:
    """Implements `evener.services.secrets.Secrets`, where that says what each call does."""

    def __init__(self, barbican: Barbican, opener: Opener = opener_pool.shared) -> None:
        self._barbican = barbican
        self._opener = opener
        self._memory: Memory[Remembered] = Memory(REMEMBERED)

    def certificates(
        self, project_id: str, refs: Collection[str], caller: Caller | None
    ) -> Mapping[str, Certificate | EvenerError]:
        """Return what each of `refs` means to `project_id`."""
        return self._opening(project_id, refs, caller).certificates(refs)

    def trusted(
        self, project_id: str, wanted: Collection[Trust], caller: Caller | None
    ) -> Mapping[Trust, Trusted | EvenerError]:
        """Return what each of `wanted` means to `project_id`."""
        refs = {ref for each in wanted for ref in each.refs}
        return self._opening(project_id, refs, caller).trusted(wanted)

    def _opening(self, project_id: str, refs: Collection[str], caller: Caller | None) -> Opening:
        """Return what opens `refs`, all of which have been read."""
        read = partial(self._read, project_id, caller, time.monotonic() + MOST_S)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            said = dict(zip(refs, pool.map(read, refs), strict=True))

        def find(ref: str) -> Mapping[str, bytes]:
            found = said[ref]
            if isinstance(found, Exception):
                raise found
            return found

        return Opening(self._opener, project_id, find, in_use=caller is None)

    def _read(
        self, project_id: str, caller: Caller | None, latest: float, ref: str
    ) -> Mapping[str, bytes] | Unusable | EvenerError:
        reference = references.parse(ref)
        if reference is None:
            return CertificateNotFound(ref)
        key = f"{project_id}{reference.path}".encode()
        try:
            if caller is None:
                return self._serving(key, ref, reference, latest)
            _check_time(latest)
            return self._named(key, ref, reference, caller)
        except NotFound:
            return CertificateNotFound(ref)
        except (Unusable, EvenerError) as error:
            return error

    def _serving(self, key: bytes, ref: str, reference: Reference, latest: float) -> Mapping[str, bytes]:
        """Return what is in use, which what we have read before stands for while Barbican is away."""
        known = self._memory.get(key)
        if known is not None and known.fresh:
            return known.payloads
        try:
            _check_time(latest)
            payloads = self._barbican.read(reference).payloads
        except Unavailable:
            if known is None:
                raise
            payloads = known.payloads
        except NotFound:
            self._memory.forget(key)
            raise
        except Forbidden:
            self._memory.forget(key)
            raise self._no_right(ref, reference) from None
        self._memory.put(key, Remembered(payloads, time.monotonic()))
        return payloads

    def _named(self, key: bytes, ref: str, reference: Reference, caller: Caller) -> Mapping[str, bytes]:
        """Return what the caller names, once it is read by the caller's right and by ours."""
        try:
            theirs = self._barbican.read(reference, caller.token)
        except Forbidden:
            raise CertificateNotFound(ref) from None
        known = self._memory.get(key)
        if known is not None and known.fresh:
            return known.payloads
        try:
            payloads = self._barbican.read(reference).payloads
        except Forbidden:
            closed = [each for each in theirs.read if not self._barbican.let_us_read(each, caller.token)]
            if closed:
                raise self._no_right(ref, *closed) from None
            payloads = self._barbican.read(reference).payloads
        self._memory.put(key, Remembered(payloads, time.monotonic()))
        return payloads

    def _no_right(self, ref: str, *closed: Reference) -> CertificateInvalid:
        """Return what is wrong where only the owner can give us the right to read, and how that is done."""
        start = ref.rstrip("/").rsplit("/", 2)[0]
        add = f"openstack acl user add --user {self._barbican.user_id()} {start}"
        commands = "; ".join(f"{add}{each.path}" for each in closed)
        return CertificateInvalid(
            ref, f"The load balancing service may not read it. Its owner lets it by: {commands}"
        )

    def register(self, project_id: str, ref: str, consumer: Consumer) -> None:  # noqa: ARG002
        """Note that `consumer` uses it: by our own right, since nobody else could take that back."""
        reference = references.parse(ref)
        if reference is None:
            raise CertificateNotFound(ref)
        try:
            self._barbican.add_consumer(reference, consumer)
        except NotFound:
            raise CertificateNotFound(ref) from None
        except Forbidden:
            raise self._no_right(ref, reference) from None
        except Unavailable as error:
            raise errors.unprocessable(ref, error) from error

    def unregister(self, project_id: str, ref: str, consumer: Consumer) -> None:  # noqa: ARG002
        """Let go of it."""
        reference = references.parse(ref)
        if reference is None:
            return
        try:
            self._barbican.remove_consumer(reference, consumer)
        except NotFound:
            pass
        except Forbidden:  # the owner has taken our right away, and keeps the note
            LOG.info("%s may not be read any longer, and is not told that %s is gone", reference, consumer)


def _check_time(latest: float) -> None:
    if time.monotonic() > latest:
        raise Busy("there is too much to read; try again later", opener_pool.RETRY_AFTER_S)
