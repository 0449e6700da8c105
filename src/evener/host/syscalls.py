"""The system calls that Python 3.11 has no function for. Nothing here knows what they are used for."""

import ctypes
import os
from collections.abc import Collection

CLONE_NEWNET = 0x40000000
MNT_DETACH = 2
MS_BIND = 4096
MS_REC = 16384
MS_SHARED = 1 << 20

_PR_CAPBSET_READ, _PR_CAPBSET_DROP = 23, 24
_SYS_PIDFD_GETFD = 438  # on every architecture; glibc has it by name from 2.36 on
_libc = ctypes.CDLL(None, use_errno=True)
_libc.mount.argtypes = (
    ctypes.c_char_p,
    ctypes.c_char_p,
    ctypes.c_char_p,
    ctypes.c_ulong,
    ctypes.c_void_p,
)


def _checked(result: int, path: str | None = None) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)


def setns(fd: int) -> None:
    """Move the calling thread into the network namespace that `fd` refers to (setns(2)).

    Raises:
        OSError: EINVAL where `fd` is no network namespace, EPERM without CAP_SYS_ADMIN.
    """
    _checked(_libc.setns(fd, CLONE_NEWNET))


def unshare_net() -> None:
    """Move the calling thread into a new network namespace (unshare(2)).

    Raises:
        OSError: ENOSPC at user.max_net_namespaces, EPERM without CAP_SYS_ADMIN.
    """
    _checked(_libc.unshare(CLONE_NEWNET))


def mount(source: str, target: str, flags: int) -> None:
    """Bind-mount `source` on `target`, or change how `target` propagates, by `flags` (mount(2)).

    Raises:
        OSError: as the manual page says.
    """
    _checked(_libc.mount(source.encode(), target.encode(), b"none", flags, None), target)


def unmount(target: str) -> None:
    """Take the topmost mount off `target`, even while it is in use (umount2(2) with MNT_DETACH).

    Raises:
        OSError: EINVAL where nothing is mounted, ENOENT where `target` does not exist.
    """
    _checked(_libc.umount2(target.encode(), MNT_DETACH), target)


def pidfd_getfd(pidfd: int, target: int) -> int:
    """Return a descriptor of our own for what descriptor `target` of another process is open on (pidfd_getfd(2)).

    Raises:
        OSError: when it has none of that number, or we may not look into it.
    """
    found: int = _libc.syscall(_SYS_PIDFD_GETFD, pidfd, target, 0)
    _checked(-1 if found < 0 else 0)
    return found


def keep_capabilities(kept: Collection[int]) -> None:
    """Let the calling thread, and what it starts, never again have capabilities but those `kept` (capabilities(7)).

    They go from its bounding set: it loses what it has with the next program that it executes.

    Raises:
        OSError: EPERM without CAP_SETPCAP.
    """
    number = 0
    while (held := _libc.prctl(_PR_CAPBSET_READ, number, 0, 0, 0)) >= 0:  # to the last that the kernel knows
        if held and number not in kept:
            _checked(_libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0))
        number += 1
