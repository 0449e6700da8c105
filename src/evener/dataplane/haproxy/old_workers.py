"""How many old workers one HAProxy may have, which finish the connections they have. Looks at memory, ends nothing."""

from evener.dataplane.haproxy.settings import Settings
from evener.host import memory

FEW = 10  # old workers, where memory is scarce
_SCARCE = 0.1  # of all memory: less than that is available
_MEMINFO = memory.MEMINFO


def most(settings: Settings) -> int:
    """Return how many old workers may live at once: as many as the operator allows, while the machine has memory."""
    left = memory.left(_MEMINFO)
    return min(settings.old_workers, FEW) if left is not None and left < _SCARCE else settings.old_workers
