"""Payloads as the database holds them: encrypted, and tied to the one secret they belong to. Knows no tables."""

from pathlib import Path
from threading import Lock

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from evener_cloud.keys import open_key_file, read_keys
from evener_cloud.secrets import errors


class Sealer:
    """Seals and opens payloads with the keys of a file: the first seals, all open. Follows the file as it changes."""

    def __init__(self, key_file: Path) -> None:
        """Read `key_file`; make it, for its owner only, when there is none."""
        self._file = key_file
        self._lock = Lock()
        open_key_file(key_file)
        self._seen: tuple[int, int] | None = None
        self._keys: list[Fernet] = []
        self._current()

    def _current(self) -> list[Fernet]:
        """Return the keys in the file; the last known ones where it cannot be read."""
        with self._lock:
            try:
                found = self._file.stat()
                if (found.st_ino, found.st_mtime_ns) != self._seen:
                    self._keys = [Fernet(key) for key in read_keys(self._file)] or self._keys
                    self._seen = (found.st_ino, found.st_mtime_ns)
            except (OSError, ValueError):
                if not self._keys:
                    raise
            return self._keys

    def seal(self, secret_id: str, payload: bytes) -> bytes:
        """Return `payload` as the row of secret `secret_id` holds it."""
        return self._current()[0].encrypt(secret_id.encode("ascii") + payload)

    def is_current(self, sealed: bytes) -> bool:
        """Return whether the first key has sealed it."""
        try:
            self._current()[0].decrypt(sealed)
        except InvalidToken:
            return False
        return True

    def open(self, secret_id: str, sealed: bytes) -> bytes:
        """Return the payload in `sealed`, found in the row of `secret_id`.

        Raises:
            Unavailable: when it was not sealed by one of the keys, or for another secret.
        """
        try:
            opened = MultiFernet(self._current()).decrypt(sealed)
        except InvalidToken:
            raise errors.unsealable(secret_id) from None
        # A row that somebody moved to another secret opens nothing.
        owner = secret_id.encode("ascii")
        if not opened.startswith(owner):
            raise errors.unsealable(secret_id)
        return opened[len(owner) :]
