"""One load balancer's part in VRRP on this host: keepalived made equal to what is wanted, and told whether we serve.

A virtual router is VRRP's word for what two hosts are together (RFC 9568 section 1.6). Level-based: each call looks at
what is really there. Who has the VIP the kernel says: keepalived puts it on the interface, and takes it off.
"""

import logging
import re
import threading
import time
from collections.abc import Collection
from contextlib import suppress
from ipaddress import ip_interface
from pathlib import Path

from evener.dataplane import files
from evener.dataplane.base import WatchedProcess
from evener.dataplane.vrrp import process
from evener.dataplane.vrrp.paths import Paths
from evener.dataplane.vrrp.process import Pair
from evener.dataplane.vrrp.render import Side, render
from evener.host import addresses, links, netns, own_addresses, processes
from evener.host.errors import HostError, on_disk

GIVEN_UP_S = 1.0  # what keepalived gets to say that it has the VIP no more, and to take it off
POLL_S = 0.005
SAID_S = 0.1  # what it takes it to say so, where we cannot look
LOG = logging.getLogger(__name__)
# What keepalived says of who has the VIP as well, and keeps it; this one has it no more then.
_GAVE_WAY = re.compile(r"Master received advert from \S+ with higher priority.*")
# keepalived.conf(5), track_file: less than -253 is a fault, in which it has no VIP and says so.
_WEIGHTS = {True: "0\n", False: "-254\n"}


class VirtualRouter:
    """keepalived in the network namespace `namespace`, with its files in `directory`.

    One thread at a time calls, but for `tell`, `give_way`, `let_go` and the properties, which any thread may.
    """

    title = "keepalived"

    def __init__(self, directory: Path, namespace: str, binary: str = "keepalived") -> None:
        self.paths = Paths(directory)
        self._namespace, self._binary = namespace, binary
        self._pair: Pair | None = None
        self._side: Side | None = None  # what was applied last
        self._read: int | None = None  # so many bytes of its log
        self._telling, self._starting = threading.Lock(), threading.Lock()

    @property
    def processes(self) -> tuple[processes.Process, ...]:
        """The processes that have to live; none before the first `apply`."""
        pair = self._pair
        return () if pair is None else (pair.parent, pair.child)

    @property
    def is_halted(self) -> bool:
        """Whether the one that speaks VRRP was stopped, and lives and does nothing; often asked, of nobody.

        Of the other, which hands signals on, `apply` takes notice.
        """
        pair = self._pair
        return pair is not None and processes.is_halted(pair.child)

    def apply(self, side: Side | None) -> bool:
        """Make keepalived run as `side` says, or, with None, not at all; return whether it did not.

        The interface is there, with the address. Where keepalived has to be started, the VIP is taken off first: one
        that was killed has left it, and another host has it.

        Raises:
            VrrpError: when keepalived does not come up.
            HostError: when the kernel refuses, or the disk is full or broken.
        """
        if side is None:
            there = self.paths.conf.exists()
            if there:
                self.stop()
            return there
        text = render(side, self.paths)
        self._side = side
        with on_disk(self.paths.directory):
            pair = self._found()
            if not self.paths.weight.exists():
                files.write(self.paths.weight, _WEIGHTS[False], durable=False)
            changed = files.read(self.paths.conf) != text or self.paths.changing.exists()
            if changed:
                self.paths.changing.touch(mode=files.PRIVATE)
                files.replace(self.paths.conf, text)
            if pair is None:
                with self._starting:
                    process.end(self.paths)
                    self._take_off(side)
                    self._pair = process.start(self.paths, self._namespace, self._binary)
            elif changed:
                process.read_again(pair)
            self.paths.changing.unlink(missing_ok=True)
        return changed or pair is None

    def _found(self) -> Pair | None:
        """Return keepalived's processes where they live, do something, and are in the namespace."""
        pair = self._pair if self._pair is not None and self._lives() else process.find(self.paths)
        here = pair is not None and netns.identity_of(pair.child.pid) == netns.identity(self._namespace)
        self._pair = pair if here and not self._is_halted(pair) else None
        return self._pair

    @staticmethod
    def _is_halted(pair: Pair | None) -> bool:
        return pair is not None and any(map(processes.is_halted, (pair.parent, pair.child)))

    def _lives(self) -> bool:
        return all(map(processes.alive, self.processes))

    @property
    def is_one_of_two(self) -> bool:
        """Whether there is another host, as of what was applied last."""
        return self._side is not None

    def check(self) -> bool:
        """Return whether what was applied last still stands, as far as can be told cheaply."""
        if self._side is None:
            return True
        return self._pair is not None and self._lives() and not self.is_halted

    def watched(self) -> Collection[WatchedProcess]:
        """Return the processes whose end is drift."""
        return tuple(WatchedProcess(each, self.title, vital=True) for each in self.processes)

    def tell(self, *, serves: bool) -> None:
        """Tell keepalived, at once, whether this host serves: where it does not, the other is to have the VIP."""
        with self._telling:
            if not self.paths.weight.exists():  # there is no keepalived
                return
            if files.read(self.paths.weight) != _WEIGHTS[serves]:
                files.write(self.paths.weight, _WEIGHTS[serves], durable=False)
                LOG.info("%s: this host %s", self._namespace, "serves" if serves else "does not serve")

    def give_way(self) -> None:
        """Tell keepalived, at once, that this host does not serve, and take the VIP off where there is no keepalived.

        Where that cannot be written, as the disk is full or broken, keepalived is ended.
        """
        told = False
        with suppress(OSError):
            self.tell(serves=False)
            told = True
        self.let_go(anyhow=not told)

    def has_vip(self) -> bool:
        """Return whether this host has the VIP; not before the first `apply`.

        Raises:
            HostError: when the kernel refuses.
        """
        side = self._side
        return side is not None and own_addresses.has(self._namespace, side.vips[0])

    def look_back(self) -> None:
        """Say where keepalived has given the VIP up since the last look, as both had it: nobody reads its own log."""
        if self._side is None:
            return
        with suppress(OSError):
            size = self.paths.log.stat().st_size
            begin, self._read = self._read, size
            if begin is None or begin == size:
                return
            begin = begin if begin < size else 0  # it was begun anew
            with self.paths.log.open("rb") as log:
                log.seek(begin)
                said = log.read(size - begin).decode(errors="replace")
            for words in _GAVE_WAY.findall(said)[-1:]:
                balancer_id = self.paths.directory.name
                LOG.warning(
                    "Load balancer %s: both hosts had its VIP; this one gave it up: %s", balancer_id, words
                )

    def let_go(self, side: Side | None = None, *, anyhow: bool = False) -> None:
        """Take the VIP off where keepalived has ended or was stopped: the other host has it by now, or soon.

        `side` is what is to be applied, where nothing was yet; `anyhow` ends a keepalived that is well, too. Needs no
        disk, and waits for nobody: who starts keepalived takes it off.
        """
        side = side or self._side
        if side is None or not self.paths.conf.exists() or not self._starting.acquire(blocking=False):
            return
        try:
            pair = self._pair or process.find(self.paths)
            left = (
                [] if pair is None else [each for each in (pair.parent, pair.child) if processes.alive(each)]
            )
            if anyhow or len(left) < 2 or self._is_halted(pair):
                with suppress(HostError):  # with the interface it has gone, too
                    self._take_off(side)
                processes.kill(each.pid for each in left)
        finally:
            self._starting.release()

    def _take_off(self, side: Side) -> None:
        with netns.inside(self._namespace), links.connected() as netlink:
            link = links.required(netlink, side.interface)
            for vip in side.vips:
                addresses.remove_address(netlink, link, ip_interface(f"{vip}/{vip.max_prefixlen}"))

    def give_up(self) -> None:
        """Tell keepalived that this host does not serve, and return once it has the VIP no more, or after a second."""
        self.tell(serves=False)
        deadline = time.monotonic() + GIVEN_UP_S
        with suppress(HostError):
            if self._side is None and process.find(self.paths) is not None:
                time.sleep(SAID_S)
            while self.has_vip() and self._lives() and time.monotonic() < deadline:
                time.sleep(POLL_S)

    def stop(self) -> None:
        """Give the VIP up, and end keepalived. Harmless when there is nothing."""
        self.give_up()
        process.end(self.paths)
        if self._side is not None:
            with suppress(HostError):
                self._take_off(self._side)
        for path in (self.paths.conf, self.paths.changing, self.paths.weight, self.paths.log):
            path.unlink(missing_ok=True)
        self._pair = self._side = self._read = None
