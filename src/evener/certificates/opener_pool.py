"""Opens certificates, in processes that may take only so much; what was opened or refused once is remembered.

Nothing that users hand in is read in this process: whoever makes a protected key says how many rounds of hashing open
it, up to hours of them, and a library holds the interpreter's lock all the while, or has a flaw. Must not be called
inside a transaction, and keeps no part of a key but in the certificates that it opened.
"""

import hashlib
import math
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass, fields
from threading import Condition, Lock
from typing import Generic, TypeVar, overload

from evener.certificates.errors import Unusable
from evener.certificates.opener_process import Child, Limits
from evener.certificates.parts import Certificate, Parts, Trusted, TrustParts
from evener.resources.errors import Busy

T = TypeVar("T")
OPENED, REFUSED = 1024, 4096  # remembered
PLAIN_AT_ONCE = 2  # milliseconds each
PROTECTED_AT_ONCE = 2  # seconds each
RETRY_AFTER_S = 5


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an opening may wait for those before it, in seconds: in all, and for one of them.

    So a row of ordinary ones is waited for, and an expensive one holds nobody's thread but its own.
    """

    in_all_s: float
    for_one_s: float


A_REQUESTS = Patience(in_all_s=5.0, for_one_s=0.2)
AN_AGENTS = Patience(in_all_s=5.0, for_one_s=5.0)


class Memory(Generic[T]):
    """The last things that were put in, by a key; only so many."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = Lock()
        self._found: OrderedDict[bytes, T] = OrderedDict()

    def get(self, key: bytes) -> T | None:
        """Return what was put in last under `key`, or None when it is forgotten."""
        with self._lock:
            if key in self._found:
                self._found.move_to_end(key)
            return self._found.get(key)

    def put(self, key: bytes, value: T) -> None:
        """Remember `value`, and forget what was not asked for the longest."""
        with self._lock:
            self._found[key] = value
            self._found.move_to_end(key)
            if len(self._found) > self._most:
                self._found.popitem(last=False)

    def forget(self, key: bytes) -> None:
        """Forget what is under `key`, where something is."""
        with self._lock:
            self._found.pop(key, None)


class Lane:
    """Some processes, of which each project has one at most."""

    def __init__(self, at_once: int, limits: Limits) -> None:
        self._at_once = at_once
        self._limits = limits
        self._turn = Condition()
        self._since: dict[
            str, float
        ] = {}  # when a project's opening began; infinite while its process starts
        self._idle: list[Child] = []

    def open(self, project_id: str, parts: Parts | TrustParts, patience: Patience) -> Certificate | Trusted:
        """Return what `parts` make.

        Raises:
            Unusable: saying what is wrong.
            Busy: when others are being opened, for longer than `patience`.
            Unavailable: when it cannot be said.
        """
        self._enter(project_id, patience)
        child = None
        try:
            child = self._child()
            with self._turn:
                self._since[project_id] = time.monotonic()
                self._turn.notify_all()
            return child.open(parts)
        finally:
            with self._turn:
                if child is not None and child.alive:
                    self._idle.append(child)
                del self._since[project_id]
                self._turn.notify_all()

    def _enter(self, project_id: str, patience: Patience) -> None:
        latest = time.monotonic() + patience.in_all_s
        with self._turn:
            while project_id in self._since or len(self._since) >= self._at_once:
                oldest = self._since.get(project_id, min(self._since.values()))
                wait_s = min(latest, oldest + patience.for_one_s) - time.monotonic()
                if wait_s <= 0:
                    raise _busy()
                self._turn.wait(wait_s)
            self._since[project_id] = math.inf

    def _child(self) -> Child:
        with self._turn:
            waiting = [child for child in self._idle if child.alive]
            child = waiting.pop() if waiting else None
            self._idle = waiting
        return child or Child(self._limits)

    def close(self) -> None:
        """End the processes that wait."""
        with self._turn:
            while self._idle:
                self._idle.pop().end()


def _busy() -> Busy:
    return Busy("too many certificates are being opened; try again later", RETRY_AFTER_S)


class Opener:
    """Opens certificates; one for all of this process (`shared`) does."""

    def __init__(self, limits: Limits | None = None) -> None:
        limits = limits or Limits()
        self._salt = secrets.token_bytes(32)
        self._opened: Memory[Certificate | Trusted] = Memory(OPENED)
        self._refused: Memory[str] = Memory(REFUSED)
        self._plain, self._protected = Lane(PLAIN_AT_ONCE, limits), Lane(PROTECTED_AT_ONCE, limits)

    @overload
    def open(
        self, project_id: str, parts: Parts, patience: Patience = A_REQUESTS, latest: float = math.inf
    ) -> Certificate: ...

    @overload
    def open(
        self, project_id: str, parts: TrustParts, patience: Patience = A_REQUESTS, latest: float = math.inf
    ) -> Trusted: ...

    def open(
        self,
        project_id: str,
        parts: Parts | TrustParts,
        patience: Patience = A_REQUESTS,
        latest: float = math.inf,
    ) -> Certificate | Trusted:
        """Return what `parts` make; the same parts are opened once.

        What is not known yet is not begun after `latest` (of the monotonic clock).

        Raises:
            Unusable: saying what is wrong.
            Busy: when others are being opened, for longer than `patience`.
            Unavailable: when it cannot be said.
        """
        key = self._digest(parts)
        if (opened := self._opened.get(key)) is not None:
            return opened
        if (reason := self._refused.get(key)) is not None:
            raise Unusable(reason)
        if time.monotonic() > latest:
            raise _busy()
        lane = self._protected if parts.protected else self._plain
        try:
            opened = lane.open(project_id, parts, patience)
        except Unusable as error:
            self._refused.put(key, error.reason)
            raise
        self._opened.put(key, opened)
        return opened

    def _digest(self, parts: Parts | TrustParts) -> bytes:
        """Return what tells these parts from all others, and nothing of them."""
        digest = hashlib.blake2b(type(parts).__name__.encode(), key=self._salt)
        for each in fields(parts):
            value = getattr(parts, each.name)
            digest.update(b"-" if value is None else b"%d:" % len(value) + value)
        return digest.digest()

    def close(self) -> None:
        """End the processes that wait; the next opening starts one anew."""
        self._plain.close()
        self._protected.close()


shared = Opener()
