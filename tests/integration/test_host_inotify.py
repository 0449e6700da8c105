"""How many processes may watch files: raised on the real kernel, whose limit is the machine's, and never lowered."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from evener.host import inotify, sysctl

pytestmark = pytest.mark.root

# /proc/sys as most containers have it, and the agent's words.
IN_A_CONTAINER = "mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys && exec "
RAISE = """
import logging
logging.basicConfig(format="%(levelname)s %(message)s")
from evener.agent.assembly import have_watchers
have_watchers(2**31 - 1)
have_watchers(0)
"""


@pytest.fixture
def before() -> Iterator[int]:
    """Return the limit, and have it back in the end: others on this machine may have raised it meanwhile."""
    now = inotify.limit()
    assert now is not None
    yield now
    if inotify.limit() == now + 1:
        sysctl.ensure_named(inotify.SETTING, str(now))


def test_a_limit_that_is_too_low_is_raised_and_one_that_does_is_left(before: int) -> None:
    assert inotify.ensure_limit(before + 1) or inotify.limit() > before + 1
    assert inotify.limit() >= before + 1
    assert not inotify.ensure_limit(before + 1)
    assert not inotify.ensure_limit(before - 1)
    assert not inotify.ensure_limit(0)
    assert inotify.limit() >= before + 1


def test_where_it_may_not_be_raised_the_log_says_what_to_do() -> None:
    command = ["unshare", "--mount", "sh", "-c", f'{IN_A_CONTAINER}"$@"', "sh", sys.executable, "-c", RAISE]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stderr
    assert told.count("\n") == 1
    assert told.startswith("WARNING Few load balancers of two agents have room here: Cannot set fs.inotify")
    assert "in a container, make /proc/sys" in told
