"""Key files: what seals tokens and secrets, kept outside of the database. Knows nothing of what is sealed.

A file holds Fernet keys (https://github.com/fernet/spec), one a line: the first seals, all open. A new key goes on
top; an old one may go once nothing that it sealed is of use.
"""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from cryptography.fernet import Fernet, MultiFernet


def open_key_file(path: Path) -> MultiFernet:
    """Return the keys in `path`; make it, with one key and for its owner only, when there is none.

    Raises:
        ValueError: when it holds no key, or something else.
    """
    if not path.exists():
        _make_key_file(path)
    return MultiFernet([Fernet(line) for line in path.read_text("ascii").split()])


def _make_key_file(path: Path) -> None:
    """Make `path` with a new key, whole or not at all; whoever comes second leaves the first one's key."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(Fernet.generate_key() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            path.hardlink_to(draft)
    finally:
        draft.unlink()
