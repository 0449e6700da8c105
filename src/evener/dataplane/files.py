"""Writes files so that a reader, or a crash, meets the old content or the new one and never a part."""

import os
from collections.abc import Collection
from pathlib import Path

PRIVATE = 0o640
_UNFINISHED = ".tmp"
Signature = tuple[int, int, int]  # of a file: inode, size, time of change in nanoseconds
SECRET = 0o600  # for what holds keys


def replace(path: Path, text: str, *, durable: bool = True, mode: int = PRIVATE) -> None:
    """Put `text` at `path` in one step, with access `mode`; on disk when the call returns if `durable`."""
    temporary = path.with_name(path.name + _UNFINISHED)
    write(temporary, text, durable=durable, mode=mode)
    move(temporary, path, durable=durable)


def write(path: Path, text: str, *, durable: bool = True, mode: int = PRIVATE) -> None:
    """Write `text` to `path`, which nobody reads yet."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        os.fchmod(fd, mode)  # what a crash left may have another
        file.write(text)
        file.flush()
        if durable:
            os.fsync(fd)


def remove_unfinished(directory: Path) -> None:
    """Remove what `replace` left there that was killed."""
    for path in directory.glob(f"*{_UNFINISHED}"):
        path.unlink(missing_ok=True)


def move(source: Path, target: Path, *, durable: bool = True) -> None:
    """Rename `source` over `target`."""
    source.replace(target)
    if durable:
        fd = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def keep_only(directory: Path, names: Collection[str]) -> None:
    """Remove all files of `directory` but `names`, and the directory with the last one."""
    if not directory.is_dir():
        return
    for path in directory.iterdir():
        if path.name not in names:
            path.unlink(missing_ok=True)
    if not names:
        directory.rmdir()


def read(path: Path) -> str | None:
    """Return the text at `path`, or None when there is none to be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def signature(path: Path) -> Signature | None:
    """Return what changes with every write of the file at `path`, or None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
