"""How many processes of one user may watch files at once, which is the whole host's limit: each keepalived does."""

from evener.host import sysctl
from evener.host.errors import explained

SETTING = "fs.inotify.max_user_instances"  # inotify(7); 128 where nobody says otherwise


def limit() -> int | None:
    """Return how many; None where the kernel does not say.

    Raises:
        HostError: when it may not be read.
    """
    with explained(f"read {SETTING}"):
        return int(sysctl.shown(SETTING)) if sysctl.exists(SETTING) else None


def ensure_limit(number: int) -> bool:
    """Let there be `number` at least; return whether there were to be fewer.

    Raises:
        HostError: when /proc/sys cannot be written, as in most containers.
    """
    before = now = limit()
    while now is not None and now < number:  # another agent may have written less meanwhile
        sysctl.ensure_named(SETTING, str(number))
        now = limit()
    return before != now
