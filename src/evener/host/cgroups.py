"""What processes may take of the machine, by groups of cgroup v2 below one of ours. Knows nothing of who is in them.

Where that cannot be had (version 1, a container whose groups are not its own), says why, once, and nobody is bounded.
"""

import errno
import os
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from evener.host.errors import HostError, explained

CONTROLLERS = ("cpu", "memory", "pids")
MOUNTS = Path("/proc/self/mounts")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class CgroupsMissing(HostError):
    """There are no groups of version 2 with the controllers that are needed."""


@dataclass(frozen=True, slots=True)
class Limits:
    """A group's share of processors (1 to 10,000, beside its neighbours' 100), most bytes of memory, most processes.

    0 bytes are half of the machine's memory.
    """

    cpu_weight: int = 100
    memory_max: int = 0
    pids_max: int = 4096

    @property
    def files(self) -> dict[str, str]:
        """What the group's files have to say."""
        memory = self.memory_max or os.sysconf("SC_PHYS_PAGES") * _PAGE // 2
        return {
            "cpu.weight": str(self.cpu_weight),
            "memory.max": str(memory // _PAGE * _PAGE),  # or the kernel would round it, and not say the same
            "pids.max": str(self.pids_max),
        }


def root(mounts: Path = MOUNTS) -> Path:
    """Return where the groups of version 2 are mounted.

    Raises:
        CgroupsMissing: when they are not, or without the controllers.
    """
    entries = (line.split() for line in mounts.read_text().strip().split("\n"))
    found = [Path(entry[1].encode().decode("unicode_escape")) for entry in entries if entry[2] == "cgroup2"]
    for each in found:
        with suppress(OSError):
            if not _lacking(each / "cgroup.controllers"):
                return each
    if not found:
        raise CgroupsMissing("cgroup v2 is not mounted")
    lacking = ", ".join(_lacking(found[0] / "cgroup.controllers"))
    raise CgroupsMissing(f"cgroup v2 at {found[0]} lacks the controllers {lacking} (version 1 may have them)")


def prepare(mounted: Path, name: str) -> Path:
    """Return the group `name` below `mounted`, made where it is not there, which can bound groups in it.

    Raises:
        CgroupsMissing: when the kernel, or who runs this container, does not let us.
    """
    parent = mounted / name
    try:
        parent.mkdir(exist_ok=True)
        for each in (mounted, parent):
            if _lacking(each / "cgroup.subtree_control"):
                wanted = " ".join(f"+{controller}" for controller in CONTROLLERS)
                (each / "cgroup.subtree_control").write_text(wanted)
    except OSError as error:
        raise CgroupsMissing(f"cgroup v2 at {error.filename or parent}: {error.strerror}") from error
    return parent


def _lacking(file: Path) -> Collection[str]:
    try:
        there = file.read_text().split()
    except FileNotFoundError:
        there = []
    return [each for each in CONTROLLERS if each not in there]


def confine(group: Path, limits: Limits, pids: Iterable[int]) -> None:
    """Make `group`, give it `limits`, and put the processes `pids` into it; those that have ended are passed over.

    Raises:
        HostError: when the kernel refuses.
    """
    with explained(f"bound processes by cgroup {group}"):
        group.mkdir(exist_ok=True)
        for name, value in limits.files.items():
            if _text(group / name) != value:
                (group / name).write_text(value)
        there = _text(group / "cgroup.procs").split()
        for pid in pids:
            if str(pid) not in there:
                try:
                    (group / "cgroup.procs").write_text(str(pid))
                except OSError as error:
                    if error.errno != errno.ESRCH:
                        raise


def remove(group: Path) -> None:
    """Remove a group in which nobody is left.

    Raises:
        HostError: when somebody is.
    """
    with explained(f"remove cgroup {group}"), suppress(FileNotFoundError):
        group.rmdir()


def _text(file: Path) -> str:
    try:
        return file.read_text().strip()
    except FileNotFoundError:
        return ""
