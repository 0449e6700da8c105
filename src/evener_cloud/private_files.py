"""Writes files that nobody but their owner can read at any moment, whole or not at all. Knows no content."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import IO

Write = Callable[[IO[bytes]], object]


def draft(path: Path, write: Write) -> Path:
    """Return a file beside `path` with what `write` puts into it, on the disk; nothing is left where that fails."""
    made = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        made.unlink(missing_ok=True)
        raise
    return made


def replace(path: Path, write: Write) -> None:
    """Put what `write` writes at `path`, at once; what is there stays where that fails."""
    made = draft(path, write)
    try:
        made.replace(path)
    except BaseException:
        made.unlink(missing_ok=True)
        raise


def sync(directory: Path) -> None:
    """Have the names in a directory on the disk."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
