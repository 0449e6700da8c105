"""Key files: what seals tokens and secrets, kept outside of the database. Knows nothing of what is sealed.

A file holds Fernet keys (https://github.com/fernet/spec), one a line: the first seals, all open. A new key goes on
top; an old one may go once nothing that it sealed is of use.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from cryptography.fernet import Fernet, MultiFernet

from evener_cloud import private_files


def open_key_file(path: Path) -> MultiFernet:
    """Return the keys in `path`; make it, with one key and for its owner only, when there is none.

    Raises:
        ValueError: when it holds no key, or something else.
    """
    if not path.exists():
        _make_key_file(path)
    return MultiFernet([Fernet(key) for key in read_keys(path)])


def read_keys(path: Path) -> list[str]:
    """Return the keys in `path`, the first one first."""
    return path.read_text("ascii").split()


def add_first(path: Path) -> None:
    """Put a new key on top of those in `path`: whole or not at all."""
    _replace(path, [Fernet.generate_key().decode("ascii"), *read_keys(path)])


def keep_first(path: Path) -> None:
    """Take all keys but the first out of `path`: whole or not at all."""
    _replace(path, read_keys(path)[:1])


def keep_also(path: Path, others: Sequence[str]) -> None:
    """Put those of `others` that are not in `path` below the keys there, so that what they sealed opens."""
    there = read_keys(path)
    _replace(path, [*there, *(key for key in others if key not in there)])


def _make_key_file(path: Path) -> None:
    """Make `path` with a new key, whole or not at all; whoever comes second leaves the first one's key."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = _draft(path, [Fernet.generate_key().decode("ascii")])
    try:
        with suppress(FileExistsError):
            path.hardlink_to(draft)
    finally:
        draft.unlink()


def _replace(path: Path, keys: Sequence[str]) -> None:
    draft = _draft(path, keys)
    owner = path.stat()
    os.chown(draft, owner.st_uid, owner.st_gid)
    draft.replace(path)
    private_files.sync(path.parent)


def _draft(path: Path, keys: Sequence[str]) -> Path:
    """Write `keys` to a file beside `path`, for its owner only, and onto the disk."""
    text = "".join(f"{key}\n" for key in keys)
    return private_files.draft(path, lambda file: file.write(text.encode("ascii")))
