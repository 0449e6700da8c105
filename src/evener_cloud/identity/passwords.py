"""Passwords, kept as Argon2id hashes (RFC 9106). Knows no users."""

import functools
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# OWASP's least for Argon2id: 19 MiB, two passes, one lane. The memory counts once per login under way.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


def hash_password(password: str) -> str:
    """Return the hash of `password`, with its salt and costs."""
    return _HASHER.hash(password)


def verify_password(stored: str | None, password: str) -> bool:
    """Return whether `password` belongs to the hash `stored`.

    Takes as long without a hash (an unknown user, a user without a password) as with one, so that the time of
    an answer does not say who exists.
    """
    nobodys = _nobodys()
    try:
        return _HASHER.verify(stored or nobodys, password) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


@functools.cache
def _nobodys() -> str:
    return _HASHER.hash(secrets.token_urlsafe())
