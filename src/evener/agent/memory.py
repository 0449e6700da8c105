"""What an agent remembers beside what it serves: who it is, and which database's word it takes.

A file next to the directories of load balancers. A person changes it while the agent runs (`accept`), so it is read
where it matters.
"""

import logging
import os
import threading
import uuid
from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from evener.host.errors import DiskUnusable, on_disk
from evener.resources.facts import Run

LOG = logging.getLogger(__name__)
NAME = "agent.json"
MACHINE_ID = Path("/etc/machine-id")


class Remembered(BaseModel):
    """The file. `accepted` is a person's word that what this database does not know may go from the host."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    place: str
    start: int = 0
    database: str | None = None
    accepted: bool = False


class Memory:
    """The file of one agent; any thread may call.

    Raises:
        DiskUnusable: where it cannot be read.
    """

    def __init__(self, directory: Path) -> None:
        self._file = directory / NAME
        self._guard = threading.Lock()
        self._last = _read(self._file) or Remembered(place=str(uuid.uuid4()))

    def begin(self) -> Run:
        """Begin another life of this agent, and return which one it is. A full disk keeps none from it."""
        with self._guard:
            self._last = self._last.model_copy(update={"start": self._last.start + 1})
            with suppress(DiskUnusable):
                _write(self._file, self._last)
            place = f"{self._last.place}@{_machine()}"
            return Run(place=place, start=self._last.start, id=str(uuid.uuid4()))

    def look(self) -> Remembered:
        """Return what the file says now."""
        with self._guard:
            self._last = _read(self._file) or self._last
            return self._last

    def take_word_of(self, database: str) -> None:
        """Note that what this host serves is what `database` says."""
        self._note(database=database, accepted=False)

    def settle(self) -> None:
        """Note that the host is as was accepted: from now on nothing unknown goes."""
        self._note(accepted=False)

    def _note(self, **values: object) -> None:
        with self._guard:
            self._last = (_read(self._file) or self._last).model_copy(update=values)
            _write(self._file, self._last)


def accept(directory: Path, database: str) -> None:
    """Give a person's word: the agent serves what `database` says from now on, and what that does not know may go.

    Raises:
        DiskUnusable: when it cannot be noted.
    """
    file = directory / NAME
    directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    known = _read(file) or Remembered(place=str(uuid.uuid4()))
    _write(file, known.model_copy(update={"database": database, "accepted": True}))


def forget(directory: Path) -> None:
    """Remove the file."""
    (directory / NAME).unlink(missing_ok=True)


def _read(file: Path) -> Remembered | None:
    with on_disk(file):
        try:
            return Remembered.model_validate_json(file.read_bytes())
        except FileNotFoundError:
            return None
        except ValidationError as error:
            LOG.error("%s is not what this agent wrote, and is written anew: %s", file, error)
            return None


def _write(file: Path, remembered: Remembered) -> None:
    fresh = file.with_suffix(f".{os.getpid()}.new")
    with on_disk(file):
        fresh.write_text(remembered.model_dump_json())
        fresh.chmod(0o600)
        fresh.rename(file)


def _machine() -> str:
    """Return what tells this machine from one that has a copy of its state directory; "" where nothing does."""
    try:
        return MACHINE_ID.read_text().strip()[:32]
    except OSError:
        return ""
