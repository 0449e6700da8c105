"""Payloads as the database holds them: encrypted, and tied to the one secret they belong to. Knows no tables."""

from pathlib import Path

from cryptography.fernet import InvalidToken

from evener.secrets import errors
from evener.store.keys import open_key_file


class Sealer:
    """Seals and opens payloads with the keys of a file: the first seals, all open."""

    def __init__(self, key_file: Path) -> None:
        """Read `key_file`; make it, for its owner only, when there is none."""
        self._fernet = open_key_file(key_file)

    def seal(self, secret_id: str, payload: bytes) -> bytes:
        """Return `payload` as the row of secret `secret_id` holds it."""
        return self._fernet.encrypt(secret_id.encode("ascii") + payload)

    def open(self, secret_id: str, sealed: bytes) -> bytes:
        """Return the payload in `sealed`, found in the row of `secret_id`.

        Raises:
            Unavailable: when it was not sealed by one of the keys, or for another secret.
        """
        try:
            opened = self._fernet.decrypt(sealed)
        except InvalidToken:
            raise errors.unsealable(secret_id) from None
        # A row that somebody moved to another secret opens nothing.
        owner = secret_id.encode("ascii")
        if not opened.startswith(owner):
            raise errors.unsealable(secret_id)
        return opened[len(owner) :]
