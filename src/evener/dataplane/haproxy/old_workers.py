"""How many old workers one HAProxy may have, which finish the connections they have. Looks at memory, ends nothing."""

import re
from pathlib import Path

from evener.dataplane.haproxy.settings import Settings

FEW = 10  # old workers, where memory is scarce
_SCARCE = 0.1  # of all memory: less than that is available
_MEMINFO = Path("/proc/meminfo")


def most(settings: Settings) -> int:
    """Return how many old workers may live at once: as many as the operator allows, while the machine has memory."""
    return (
        min(settings.old_workers, FEW)
        if is_scarce(_MEMINFO.read_text(encoding="ascii"))
        else settings.old_workers
    )


def is_scarce(meminfo: str) -> bool:
    """Return whether hardly any memory is available, from /proc/meminfo (proc(5))."""
    kilobytes = {
        name: int(number) for name, number in re.findall(r"^(\w+):\s+(\d+) kB", meminfo, re.MULTILINE)
    }
    return kilobytes["MemAvailable"] < _SCARCE * kilobytes["MemTotal"]
