"""The file of a backup: a tar that begins with a manifest, written whole or not at all, and read wholly or refused.

It does not know where on a host its files belong.
"""

import hashlib
import io
import os
import shutil
import tarfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import IO

from pydantic import BaseModel, ConfigDict, ValidationError

from evener_cloud import private_files
from evener_cloud.backup.errors import NotABackup

FORMAT = 1  # another number is not read by versions that do not know it
MANIFEST = "manifest.json"
LARGEST_MANIFEST = 64 * 1024 * 1024  # bytes: a file is some 150


class Manifest(BaseModel):
    """What a backup is of. `revisions` are those of the tables, `files` the SHA-256 of each file by its name."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    format: int = FORMAT
    version: str
    made_at: datetime
    host: str
    database: str
    revisions: Mapping[str, str]
    files: Mapping[str, str]


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write(path: Path, manifest: Manifest, directory: Path) -> None:
    """Write the files that `manifest` names, which are in `directory`, to `path`, for its owner only.

    What is at `path` is replaced at once, or stays.

    Raises:
        OSError: when it cannot be written.
    """
    private_files.replace(path, lambda file: _pack(file, manifest, directory))
    private_files.sync(path.parent)


def _pack(file: IO[bytes], manifest: Manifest, directory: Path) -> None:
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        _add(tar, MANIFEST, manifest, io.BytesIO(manifest.model_dump_json(indent=1).encode()))
        for name in manifest.files:
            with (directory / name).open("rb") as content:
                _add(tar, name, manifest, content)


def _add(tar: tarfile.TarFile, name: str, manifest: Manifest, content: IO[bytes]) -> None:
    member = tarfile.TarInfo(name)
    member.mode, member.mtime = 0o600, manifest.made_at.timestamp()
    member.size = content.seek(0, os.SEEK_END)
    content.seek(0)
    tar.addfile(member, content)


def read(path: Path, directory: Path) -> Manifest:
    """Put the files of a backup into the empty `directory`, and return its manifest.

    Raises:
        NotABackup: where it is not whole, or not as it was written; what is in `directory` is of no use then.
        OSError: when it cannot be read.
    """
    try:
        with tarfile.open(path, "r:") as tar:
            return _read(tar, directory)
    except (tarfile.TarError, EOFError) as error:
        raise NotABackup(f"it is not a backup, or not a whole one: {error}") from None


def _read(tar: tarfile.TarFile, directory: Path) -> Manifest:
    manifest = _manifest(tar)
    missing = set(manifest.files)
    for member in tar:
        if member.name == MANIFEST:
            continue
        content = tar.extractfile(member) if member.isfile() and member.name in missing else None
        if content is None or not is_below(member.name):
            raise NotABackup(f"{member.name} is not in its manifest")
        missing.remove(member.name)
        to = directory / member.name
        to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with to.open("xb") as file:
            shutil.copyfileobj(content, file)
        if digest(to) != manifest.files[member.name]:
            raise NotABackup(f"{member.name} is not as it was written")
    if missing:
        raise NotABackup(f"{min(missing)} is missing")
    return manifest


def _manifest(tar: tarfile.TarFile) -> Manifest:
    first = tar.next()
    content = tar.extractfile(first) if first is not None and first.name == MANIFEST else None
    if content is None:
        raise NotABackup(f"it does not begin with {MANIFEST}")
    try:
        manifest = Manifest.model_validate_json(content.read(LARGEST_MANIFEST))
    except ValidationError:
        raise NotABackup(f"its {MANIFEST} is of something else") from None
    if manifest.format != FORMAT:
        raise NotABackup(f"a newer Evener ({manifest.version}) has written it: install that one")
    return manifest


def is_below(name: str) -> bool:
    """Return whether a file's name leads to nowhere else than below a directory."""
    return not PurePosixPath(name).is_absolute() and ".." not in PurePosixPath(name).parts
