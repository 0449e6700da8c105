"""Who is logged in, in memory: a browser holds a random name of its session and nothing else."""

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from evener.dashboard.cloud import Login

MOST = 10_000  # sessions at once; the one longest unused goes


@dataclass(slots=True)
class Session:
    """One browser's; `csrf` is what its forms must say, `kept` what had been typed at an address before.

    `certificates` are names and ends of those that were read, by their references: what a secret holds never changes.
    """

    login: Login
    key: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    used_s: float = field(default_factory=time.monotonic)
    was_ended: bool = False
    kept: tuple[str, Mapping[str, list[str]]] | None = None
    certificates: dict[str, tuple[str, datetime]] = field(default_factory=dict)

    def take_kept(self, address: str) -> Mapping[str, list[str]]:
        """Return what stood in the form at an address, once."""
        kept, self.kept = self.kept, None
        return kept[1] if kept is not None and kept[0] == address else {}

    @property
    def has_ended(self) -> bool:
        """Whether nobody is logged in any more."""
        return self.was_ended or self.login.expires <= datetime.now(UTC)


class Sessions:
    """All of them; from any thread."""

    def __init__(self, idle_s: float) -> None:
        self._idle_s = idle_s
        self._lock = threading.Lock()
        self._known: OrderedDict[str, Session] = OrderedDict()

    def begin(self, login: Login) -> Session:
        """Return a new one."""
        session = Session(login)
        with self._lock:
            self._known[session.key] = session
            if len(self._known) > MOST:
                self._known.popitem(last=False)[1].was_ended = True
        return session

    def find(self, key: str) -> Session | None:
        """Return the one of that name, unless it has ended: unused for too long, or its token has."""
        now_s = time.monotonic()
        with self._lock:
            session = self._known.get(key)
            if session is None:
                return None
            if now_s - session.used_s > self._idle_s or session.has_ended:
                session.was_ended = True
                del self._known[key]
                return None
            session.used_s = now_s
            self._known.move_to_end(key)
            return session

    def renew(self, login: Login) -> None:
        """Let all go on as `login`."""
        with self._lock:
            for each in self._known.values():
                each.login = login

    def end(self, session: Session) -> None:
        """Forget one."""
        with self._lock:
            session.was_ended = True
            self._known.pop(session.key, None)
