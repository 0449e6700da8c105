"""Notes of what was made on the host, and how it looked then, by which whoever comes later knows it again."""

import json
import logging
from contextlib import suppress
from pathlib import Path
from typing import Any

LOG = logging.getLogger(__name__)


class Note:
    """The file `path`; with None, nothing is noted. `made` is what goes into JSON and comes out of it the same.

    Nothing depends on a note but the time that it spares: one that cannot be written or read is like none.
    """

    def __init__(self, path: Path | None, name: str) -> None:
        """`name` is what `made` is called in the file."""
        self._path, self._name = path, name

    def write(self, made: Any, **left: Any) -> None:
        """Note that `made` was left so."""
        if self._path is None:
            return
        try:
            self._path.write_text(json.dumps({self._name: made, **left}))
        except OSError as error:
            LOG.warning("%s cannot be written: %s; it will be looked at anew", self._path, error.strerror)

    def left(self, made: Any) -> dict[str, Any]:
        """Return how `made` was left; empty where the note is of something else, or there is none."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            noted: dict[str, Any] = json.loads(self._path.read_text()) if self._path is not None else {}
            return noted if noted[self._name] == made else {}
        return {}
