"""Network namespaces by name, as `ip netns` keeps them: a namespace mounted on a file in /run/netns.

Never forks, and never moves a thread for good: only a thread that ends with the call is ever unshared. Links
and addresses inside are other modules' work, save the loopback interface, which every namespace needs.
"""

import errno
import fcntl
import os
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from evener import threads
from evener.host import syscalls
from evener.host.errors import HostError, NamespaceMissing, NameTaken, explained

DIRECTORY = Path("/run/netns")
OWN = "/proc/thread-self/ns/net"  # follows the thread, where /proc/self follows the process' first thread

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
STACKED_MOUNTS = 16  # more than anyone mounts on one name; bounds the loop that takes them off

_mounting = threading.Lock()


def make_directory() -> None:
    """Make the directory of names, where it is not there; others look into it too."""
    try:
        DIRECTORY.mkdir(parents=True)
    except FileExistsError:
        return
    DIRECTORY.chmod(0o755)


def ensure(name: str) -> bool:
    """Make sure that a namespace `name` exists, its loopback up; return whether it was created.

    A file of that name on which no namespace is mounted (a crash or a reboot left it) is mounted anew.

    Raises:
        HostError: when the kernel refuses.
    """
    with explained(f"create network namespace {name}"):
        with _mounting:
            created = identity(name) is None
            if created:
                threads.aside(lambda: _create(name))
        if not created:
            with inside(name):
                _loopback_up()
        return created


def rebind(name: str, pid: int) -> bool:
    """Give the namespace that process `pid` lives in the name `name`; return whether it did not have it.

    For when someone ran `ip netns delete` under a running process. A namespace that got the name meanwhile
    loses it: the one with the process in it is the one with the traffic.

    Raises:
        NameTaken: when `pid` lives in our own namespace; giving that a load balancer's name would let its
            addresses be put on the host.
        HostError: when there is no such process, or the kernel refuses.
    """
    with explained(f"name the network namespace of process {pid} {name}"), _mounting:
        fd = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            theirs = _identity(os.fstat(fd))
            if theirs == _identity(Path("/proc/self/ns/net").stat()):
                raise NameTaken(f"Process {pid} is not in a network namespace of its own; stop it")
            if identity(name) == theirs:
                return False
            _bind(f"/proc/self/fd/{fd}", name)
            return True
        finally:
            os.close(fd)


def restore(name: str, fd: int) -> bool:
    """Give the namespace that is open as `fd` the name `name`; return whether it did not have it.

    For when someone ran `ip netns delete`, or gave the name to another namespace, while ours is in use.

    Raises:
        HostError: when the kernel refuses.
    """
    with explained(f"name a network namespace {name} again"), _mounting:
        if identity(name) == _identity(os.fstat(fd)):
            return False
        _bind(f"/proc/self/fd/{fd}", name)
        return True


def delete(name: str) -> bool:
    """Take the name from the namespace, which ends with its last process; return whether it had it.

    Raises:
        HostError: when the kernel refuses.
    """
    with explained(f"delete network namespace {name}"), _mounting:
        _unmount(name)
        try:
            _path(name).unlink()
        except FileNotFoundError:
            return False
        return True


def exists(name: str) -> bool:
    """Return whether `name` names a namespace; a file on which none is mounted does not count."""
    return identity(name) is not None


def identity(name: str) -> tuple[int, int] | None:
    """Return the device and inode that tell namespace `name` from every other, or None."""
    try:
        found = _identity(_path(name).stat())
    except OSError:
        return None
    # All namespaces are inodes of one file system; whatever else lies under the name is on another.
    return found if found[0] == Path(OWN).stat().st_dev else None


def identity_of(pid: int) -> tuple[int, int] | None:
    """Return the identity of the network namespace that process `pid` lives in, or None."""
    try:
        return _identity(Path(f"/proc/{pid}/ns/net").stat())
    except OSError:
        return None


def names() -> frozenset[str]:
    """Return the names of all namespaces of this host."""
    try:
        return frozenset(path.name for path in DIRECTORY.iterdir() if exists(path.name))
    except FileNotFoundError:
        return frozenset()


@contextmanager
def opened(name: str) -> Iterator[int]:
    """Hold the namespace open as a file descriptor, which keeps it alive and can be handed to the kernel.

    Raises:
        NamespaceMissing: when there is none of that name.
    """
    try:
        fd = os.open(_path(name), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise _missing(name) from None
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def inside(name: str) -> Iterator[None]:
    """Run the block with the calling thread in namespace `name`.

    Sockets opened, files of /proc/sys/net read and processes started in it belong to that namespace; other
    threads stay where they are. Sockets keep their namespace after the block; so does a thread that is started
    in it, so start none.

    Raises:
        NamespaceMissing: when there is none of that name, or only a leftover file.
    """
    home = os.open(OWN, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with opened(name) as fd:
            try:
                syscalls.setns(fd)
            except OSError as error:
                if error.errno == errno.EINVAL:
                    raise _missing(name) from None
                with explained(f"enter network namespace {name}"):
                    raise
        try:
            yield
        finally:
            syscalls.setns(home)
    finally:
        os.close(home)


def _missing(name: str) -> NamespaceMissing:
    return NamespaceMissing(
        f"Network namespace {name} does not exist; it is made again at the next comparison", errno.ENOENT
    )


def _path(name: str) -> Path:
    if not name or "/" in name or "\x00" in name or name in (".", ".."):
        raise HostError(f"{name!r} cannot be the name of a network namespace", errno.EINVAL)
    return DIRECTORY / name


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _create(name: str) -> None:
    syscalls.unshare_net()
    _loopback_up()
    _bind(OWN, name)


def _loopback_up() -> None:
    # One system call each, where a netlink conversation is a socket and three messages.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        request = struct.pack("16sH14x", b"lo", 0)
        flags: int = struct.unpack("16sH14x", fcntl.ioctl(channel, SIOCGIFFLAGS, request))[1]
        if not flags & IFF_UP:
            fcntl.ioctl(channel, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | IFF_UP))


def _bind(source: str, name: str) -> None:
    _share_directory()
    target = _path(name)
    with suppress(FileExistsError):
        os.close(os.open(target, os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0))
    _unmount(name)
    try:
        syscalls.mount(source, str(target), syscalls.MS_BIND)
    except OSError:
        target.unlink(missing_ok=True)
        raise


def _unmount(name: str) -> None:
    for _ in range(STACKED_MOUNTS):
        try:
            syscalls.unmount(str(_path(name)))
        except OSError as error:
            if error.errno in (errno.EINVAL, errno.ENOENT):
                return
            raise


def _share_directory() -> None:
    # ip-netns(8): the directory is a shared mount, so that names appear and go in every mount namespace.
    make_directory()
    try:
        syscalls.mount("", str(DIRECTORY), syscalls.MS_SHARED | syscalls.MS_REC)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        syscalls.mount(str(DIRECTORY), str(DIRECTORY), syscalls.MS_BIND | syscalls.MS_REC)
        syscalls.mount("", str(DIRECTORY), syscalls.MS_SHARED | syscalls.MS_REC)
