"""How much of the host's memory is left. Reads only."""

from contextlib import suppress
from pathlib import Path

MEMINFO = Path("/proc/meminfo")


def left(file: Path = MEMINFO) -> float | None:
    """Return which part of the host's memory can be had without swapping, from 0 to 1; None where nobody tells.

    It is what proc(5) calls MemAvailable, of MemTotal.
    """
    with suppress(OSError, ValueError, KeyError, ZeroDivisionError):
        said = (line.split() for line in file.read_text().split("\n"))
        amounts = {words[0]: int(words[1]) for words in said if len(words) > 1}
        return amounts["MemAvailable:"] / amounts["MemTotal:"]
    return None
