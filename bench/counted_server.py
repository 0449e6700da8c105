"""`evener-standalone` that counts the statements it sends to its database, where another process can read how many.

python -m bench.counted_server FILE OPTION...
"""

import itertools
import mmap
import struct
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from evener_cloud.standalone.main import main

NUMBER = struct.Struct("Q")


def statements(file: Path) -> int:
    """Return how many there have been so far."""
    return int(NUMBER.unpack(file.read_bytes())[0])


def _count(file: Path) -> None:
    """Count from now on; of two threads that count at once one is seen."""
    file.write_bytes(NUMBER.pack(0))
    with file.open("r+b") as opened:
        place, numbers = mmap.mmap(opened.fileno(), NUMBER.size), itertools.count(1)

    def count(*_: Any) -> None:
        NUMBER.pack_into(place, 0, next(numbers))

    event.listen(Engine, "before_cursor_execute", count)


if __name__ == "__main__":
    _count(Path(sys.argv.pop(1)))
    main()
