"""One thread that waits for what happens on the host, and calls back: processes, files, links, sockets.

Events say "look again" and may be merged or lost: where the kernel says that some were lost, the callback gets
an empty name, and whoever it belongs to looks at everything. Callbacks run in the watcher's thread, and must be
quick; what one raises is logged and harms no other.
"""

import logging
import os
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from inotify_simple import INotify
from inotify_simple import flags as inotify

from evener import threads
from evener.host import linkevents
from evener.host.errors import explained

LOG = logging.getLogger(__name__)

Cancel = Callable[[], None]

_FILE_EVENTS = (
    inotify.CLOSE_WRITE
    | inotify.MOVED_FROM
    | inotify.MOVED_TO
    | inotify.DELETE
    | inotify.DELETE_SELF
    | inotify.MOVE_SELF
    | inotify.ONLYDIR
)
FAILED_READER_PAUSE_S = 0.1  # a reader that raises without reading would be called again at once


class Readable(Protocol):
    """Anything that select(2) can wait for."""

    def fileno(self) -> int:
        """Return the file descriptor."""


R = TypeVar("R", bound=Readable)


@dataclass(frozen=True, slots=True)
class _Watch:
    fileobj: int | Readable
    read: Callable[[], None]
    close: Callable[[], None] | None
    once: bool
    ended: threading.Event


class Watcher:
    """Waits in one thread. All methods may be called from any thread, callbacks included.

    What `process`, `path`, `links`, `network`, `rules` and `reader` return ends the watch: once it has returned, the
    callback is not called again, unless it is running at that moment.
    """

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()  # the thread's own, once that runs
        self._wake_read, self._wake_write = socket.socketpair()
        for end in (self._wake_read, self._wake_write):
            end.settimeout(0)
        self._inotify = INotify(nonblocking=True)  # one for all paths: a user may have 128
        self._lock = threading.Lock()  # guards the three below
        self._tasks: deque[Callable[[], None]] = deque()
        self._ended = False
        self._paths: dict[int, list[Callable[[str], None]]] = {}
        self._thread = threads.lasting("watcher", self._run)
        self._register(self._wake_read, self._drain, self._wake_read.close)
        self._register(self._inotify, self._read_inotify, self._inotify.close)

    def start(self) -> None:
        """Start the thread; what was registered before is watched from now on."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and all watches, after the callback that is running. A watcher starts once only."""
        with self._lock:
            self._ended = True
        self._wake()
        if self._thread is threading.current_thread():
            return
        if self._thread.is_alive():
            self._thread.join()
        else:
            self._close()

    def process(self, pid: int, callback: Callable[[int], None]) -> Cancel:
        """Call `callback(pid)` once, when process `pid` has ended; soon, where it has already.

        Raises:
            HostError: when no file descriptor is left for it.
        """
        with explained(f"watch process {pid}"):
            try:
                fd = os.pidfd_open(pid)
            except ProcessLookupError:
                fd = os.eventfd(1, os.EFD_CLOEXEC)  # readable at once, like the descriptor of what has ended

        return self._register(fd, lambda: callback(pid), lambda: os.close(fd), once=True)

    def path(self, directory: Path | str, callback: Callable[[str], None]) -> Cancel:
        """Call `callback(filename)` when a file in `directory` was written, moved there or away, or deleted.

        The name is empty when events were lost, or the directory itself has gone; that ends the watch.

        Raises:
            HostError: when there is no such directory, or the kernel's limit of watches is reached.
        """
        with explained(f"watch directory {directory}"), self._lock:
            watch = self._inotify.add_watch(str(directory), _FILE_EVENTS)
            self._paths.setdefault(watch, []).append(callback)

        def cancel() -> None:
            with self._lock, suppress(ValueError, OSError):
                callbacks = self._paths.get(watch, [])
                callbacks.remove(callback)
                if not callbacks:
                    del self._paths[watch]
                    self._inotify.rm_watch(watch)

        return cancel

    def links(self, callback: Callable[[str, str], None]) -> Cancel:
        """Call `callback(name, what)` for links of the calling thread's namespace, with `linkevents.receive`'s words.

        The name is empty when events were lost.

        Raises:
            HostError: when the kernel refuses.
        """
        with explained("watch links"):
            channel = linkevents.subscribe()

        def read() -> None:
            for name, what in linkevents.receive(channel):
                _call(callback, name, what)

        return self._register(channel, read, channel.close)

    def network(self, callback: Callable[[], None]) -> Cancel:
        """Call `callback()` when a link, address or route of the calling thread's namespace has changed.

        The watch keeps the namespace alive.

        Raises:
            HostError: when the kernel refuses.
        """
        with explained("watch links, addresses and routes"):
            channel = linkevents.subscribe(linkevents.EVERYTHING)

        def read() -> None:
            linkevents.drain(channel)
            callback()

        return self._register(channel, read, channel.close)

    def rules(self, callback: Callable[[], None]) -> Cancel:
        """Call `callback()` when a packet rule of the calling thread's namespace has changed.

        The watch keeps the namespace alive.

        Raises:
            HostError: when the kernel refuses.
        """
        with explained("watch packet rules"):
            channel = linkevents.subscribe(linkevents.NFNLGRP_NFTABLES, linkevents.NETLINK_NETFILTER)

        def read() -> None:
            linkevents.drain(channel)
            callback()

        return self._register(channel, read, channel.close)

    def reader(self, fileobj: R, callback: Callable[[R], None]) -> Cancel:
        """Call `callback(fileobj)` whenever `fileobj` is readable; it has to read. The caller closes it."""

        def read() -> None:
            if not _call(callback, fileobj):
                time.sleep(FAILED_READER_PAUSE_S)

        return self._register(fileobj, read, None)

    def _register(
        self,
        fileobj: int | Readable,
        read: Callable[[], None],
        close: Callable[[], None] | None,
        *,
        once: bool = False,
    ) -> Cancel:
        watch = _Watch(fileobj, read, close, once, threading.Event())
        if not self._soon(lambda: self._select(watch)) and close:
            close()

        def cancel() -> None:
            if self._end(watch):
                self._soon(lambda: self._unselect(watch))

        return cancel

    def _end(self, watch: _Watch) -> bool:
        """Let the callback be called no more; return whether that is news: descriptors are closed once."""
        with self._lock:
            if watch.ended.is_set():
                return False
            watch.ended.set()
            return True

    def _soon(self, task: Callable[[], None]) -> bool:
        with self._lock:
            if self._ended:
                return False
            self._tasks.append(task)
        self._wake()
        return True

    def _wake(self) -> None:
        with suppress(OSError):  # full: the thread is awake anyway; closed: it has ended
            self._wake_write.send(b"\0")

    def _drain(self) -> None:
        with suppress(BlockingIOError):
            self._wake_read.recv(4096)

    def _select(self, watch: _Watch) -> None:
        self._selector.register(watch.fileobj, selectors.EVENT_READ, watch)

    def _unselect(self, watch: _Watch) -> None:
        with suppress(KeyError, ValueError):
            self._selector.unregister(watch.fileobj)
        if watch.close:
            watch.close()

    def _run(self) -> None:
        while self._work():
            for key, _ in self._selector.select():
                watch: _Watch = key.data
                if watch.once and self._end(
                    watch
                ):  # before the call: whoever asked may not have heard of it yet
                    self._unselect(watch)
                    _call(watch.read)
                elif not watch.ended.is_set():
                    _call(watch.read)
        self._close()

    def _work(self) -> bool:
        """Do the tasks that other threads left; return whether to go on."""
        while True:
            with self._lock:
                if not self._tasks:
                    return not self._ended
                task = self._tasks.popleft()
            _call(task)

    def _close(self) -> None:
        self._work()
        for key in list((self._selector.get_map() or {}).values()):
            self._unselect(key.data)
        self._selector.close()
        self._wake_write.close()

    def _read_inotify(self) -> None:
        # Many writes to one file are one piece of news.
        for watch, mask, name in dict.fromkeys((e.wd, e.mask, e.name) for e in self._inotify.read(timeout=0)):
            with self._lock:
                if mask & inotify.Q_OVERFLOW:
                    callbacks = [callback for each in self._paths.values() for callback in each]
                elif mask & inotify.IGNORED:  # the kernel ended the watch; its callbacks have been told why
                    self._paths.pop(watch, None)
                    continue
                else:
                    callbacks = list(self._paths.get(watch, ()))
            for callback in callbacks:
                _call(callback, name)


def _call(callback: Callable[..., None], *arguments: object) -> bool:
    try:
        callback(*arguments)
    except Exception:
        LOG.exception("A callback of the watcher failed")
        return False
    return True
