"""What references mean, once their payloads are found: the same for every secret service.

Must not find payloads itself, and holds none.
"""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from evener.certificates import errors, opener_pool
from evener.certificates.errors import CertificateInvalid, Unusable
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

MOST_S = 10.0  # spent on the certificates of one request; those that are left are told to come again
CONTAINER = "certificate"  # the type of containers that hold one; a single secret is the part of that name

# The payloads that a reference leads to, by the names of their parts; raises Unusable, or an EvenerError.
Find = Callable[[str], Mapping[str, bytes]]


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom something trusts, by references: certificates of authorities, and what of theirs is revoked."""

    authorities: str
    revoked: str | None = None

    @property
    def refs(self) -> tuple[str, ...]:
        """Both, or the one that there is."""
        return tuple(filter(None, (self.authorities, self.revoked)))


@dataclass(frozen=True, slots=True)
class Opening:
    """Opens what `find` finds for a project; `in_use` is for those that serve already, which may have expired."""

    opener: Opener
    project_id: str
    find: Find
    in_use: bool

    def certificates(self, refs: Collection[str]) -> Mapping[str, Certificate | EvenerError]:
        """Return for each of `refs` the certificate that it means, or why there is none."""
        latest = time.monotonic() + MOST_S
        return {ref: self._certificate(ref, latest) for ref in refs}

    def trusted(self, wanted: Collection[Trust]) -> Mapping[Trust, Trusted | EvenerError]:
        """Return what each of `wanted` means, or what is wrong with the one of its references looked at last."""
        latest = time.monotonic() + MOST_S
        return {each: self._trusted(each, latest) for each in wanted}

    def _certificate(self, ref: str, latest: float) -> Certificate | EvenerError:
        try:
            certificate = self.opener.open(self.project_id, _parts(self.find(ref)), self._patience, latest)
            if not self.in_use:
                check_validity(certificate, _now())
        except (Unusable, EvenerError) as error:
            return _reason(ref, error)
        return certificate

    def _trusted(self, trust: Trust, latest: float) -> Trusted | EvenerError:
        ref = trust.authorities
        payloads: list[bytes] = []
        try:
            for ref in trust.refs:
                payloads.append(_single(self.find(ref)))
                trusted = self.opener.open(self.project_id, TrustParts(*payloads), self._patience, latest)
                if not self.in_use:
                    check_freshness(trusted, _now())
        except (Unusable, EvenerError) as error:
            return _reason(ref, error)
        return trusted

    @property
    def _patience(self) -> opener_pool.Patience:
        return opener_pool.AN_AGENTS if self.in_use else opener_pool.A_REQUESTS


def check_container(kind: str) -> None:
    """Refuse a container that is none of a certificate.

    Raises:
        Unusable: saying which it is.
    """
    if kind != CONTAINER:
        raise Unusable(f"It is a container of type {kind}, not {CONTAINER}")


def _reason(ref: str, error: Unusable | EvenerError) -> EvenerError:
    match error:
        case Unusable():
            return CertificateInvalid(ref, error.reason)
        case Unavailable():
            return errors.unprocessable(ref, error)
        case _:
            return error


def _single(payloads: Mapping[str, bytes]) -> bytes:
    """Return the payload of a secret, or of a container that holds it as its certificate."""
    if CONTAINER not in payloads:
        raise Unusable("The certificate is missing")
    return payloads[CONTAINER]


def _parts(payloads: Mapping[str, bytes]) -> Parts:
    passphrase = payloads.get("private_key_passphrase")
    return Parts(
        certificate=_single(payloads),
        private_key=payloads.get("private_key"),
        intermediates=payloads.get("intermediates"),
        passphrase=passphrase.rstrip(b"\r\n") if passphrase else None,
    )


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
