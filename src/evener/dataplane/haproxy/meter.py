"""What the listeners of one HAProxy count, over all the workers it ever had.

A worker that a reload replaces goes on counting until its last connection ends. It would take what it counted after
the last reading with it: so a conversation with it is kept open, for which it waits, until a reading has found it idle,
and the health checks that it had begun have ended: nobody else would hear how.
"""

import contextlib
import logging
from collections.abc import Collection

from pydantic import ValidationError

from evener.dataplane import files
from evener.dataplane.haproxy import process, runtime, stats
from evener.dataplane.haproxy.counters import Ledger
from evener.dataplane.haproxy.errors import SocketError
from evener.dataplane.haproxy.paths import Paths
from evener.host import processes
from evener.host.errors import DiskUnusable, on_disk
from evener.host.processes import Process
from evener.resources.facts import Counters

LOG = logging.getLogger(__name__)
ENDS_S = 0.2  # how long an idle worker may take to end, once nobody holds it any more
ANSWER_S = 3.0  # what the present worker gets to answer; one that does not is frozen
OLD_ANSWER_S = 1.0  # what an old worker gets to answer; one that does not is not asked again


class Meter:
    """The counters of the HAProxy in `paths`, kept there in a file. One thread at a time calls."""

    def __init__(self, paths: Paths, held_s: int) -> None:
        """An old worker is held for `held_s` seconds at most without a reading."""
        self._paths = paths
        self._held_s = held_s
        self._held: dict[int, runtime.Conversation] = {}  # by the worker's id
        self._mute: set[int] = set()  # old workers that did not answer
        self._only: Process | None = None  # the one worker there was at the last reading
        self._known: Ledger | None = None
        self._kept = True  # whether the file has it
        self._last: tuple[list[list[str]], list[stats.Row], Ledger] | None = None  # the reading of `_only`

    @property
    def _ledger(self) -> Ledger:
        if self._known is None:
            self._known = Ledger()
            text = files.read(self._paths.counters)
            if text is not None:
                with contextlib.suppress(ValidationError):
                    self._known = Ledger.model_validate_json(text)
        return self._known

    def _save(self, ledger: Ledger) -> None:
        if ledger != self._ledger or not self._kept:
            try:
                with on_disk(self._paths.directory):
                    files.replace(self._paths.counters, ledger.model_dump_json(), durable=False)
                self._kept = True
            except DiskUnusable as error:  # who reads goes on without
                if self._kept:
                    LOG.warning(
                        "Load balancer %s: counters are not kept: %s", self._paths.directory.name, error
                    )
                self._kept = False
        self._known = ledger

    def totals(self) -> dict[str, Counters]:
        """Return the counters of each listener, by its id, as of the last reading."""
        return self._ledger.totals()

    def keep(self, listener_ids: Collection[str]) -> None:
        """Forget all listeners but these."""
        self._save(self._ledger.keep(listener_ids))

    def without_workers(self) -> None:
        """Hear that no worker lives any more."""
        self.close()
        self._save(self._ledger.without_workers())

    def read(self) -> list[stats.Row]:
        """Take a reading of all workers; return the statistics of the one that takes new connections.

        It is the very list of the reading before where nothing has happened since.

        Raises:
            SocketError: when that does not answer.
            NoAnswer: when it has not within `ANSWER_S` seconds.
        """
        return self._read()[0]

    def _read(self) -> tuple[list[stats.Row], set[int]]:
        """Do what `read` does; return also the workers that are held no longer, because they are done."""
        answer = runtime.ask(self._paths.socket, f"{stats.WHO}; {stats.FRONTENDS_AND_SERVERS}", ANSWER_S)
        table, pid = stats.fields(answer), stats.worker_pid(answer)
        if pid is not None and self._only is not None and self._only.pid == pid:
            return self._read_only(pid, table), set()
        current = stats.named(table)
        try:
            listed = process.workers(self._paths)
        except SocketError as error:  # health is worth more than a round of counters
            LOG.warning("Load balancer %s: HAProxy does not answer: %s", self._paths.directory.name, error)
            return current, set()
        if pid is None or pid not in listed.current:
            return current, set()  # somebody has just reloaded: whose numbers these are is not clear
        self._mute &= set(listed.old)
        answers = {old: said for old in listed.old if (said := self._said_by(old))}
        counted = {each: stats.listeners(stats.rows(said)) for each, said in answers.items()}
        counted[pid] = stats.listeners(current)
        self._save(self._ledger.after(counted, alive=listed.workers))
        held = self._held.keys() - set(listed.current)
        done = {old for old in held if old not in answers or self._is_done(old, answers[old])}
        for old in done:
            self.release(old)
        self._only = None if listed.old else processes.of(pid)
        return current, done

    def _read_only(self, pid: int, table: list[list[str]]) -> list[stats.Row]:
        """Take the reading of the one worker there is; most are of idle ones, and say nothing new."""
        standing = stats.standing(table)
        if self._last is not None and self._kept and self._last[::2] == (standing, self._ledger):
            return self._last[1]
        current = stats.named(table)
        self._save(self._ledger.after({pid: stats.listeners(current)}, alive=(pid,)))
        self._last = (standing, current, self._ledger)
        return current

    def look_anew(self) -> None:
        """Have the next reading be another one: what is waited for need not move a number that is compared."""
        self._last = None

    def _said_by(self, pid: int) -> str:
        """Return what an old worker answers; nothing where it has just ended, or does not answer."""
        if pid in self._mute:
            return ""
        try:
            if pid in self._held:
                return "".join(map(self._held[pid].ask, (stats.WHO, stats.FRONTENDS_AND_SERVERS)))
            command = f"@!{pid} {stats.FRONTENDS_AND_SERVERS}"
            answer = runtime.ask(self._paths.master_socket, command, OLD_ANSWER_S)
        except SocketError:
            self._mute.add(pid)
            return ""
        return answer if answer.endswith("\n\n") else ""  # else it ended while it answered

    def _is_done(self, pid: int, answers: str) -> bool:
        """Return whether an old worker that is held has neither connections left nor a check that has not ended."""
        if not stats.is_done(answers):
            return False
        with contextlib.suppress(SocketError):
            return not stats.is_checking(self._held[pid].ask("show servers state"))
        return True

    def hold(self) -> int | None:
        """Hold the worker that takes new connections, which a reload is about to replace; return its id."""
        self._only = None
        with contextlib.suppress(SocketError):
            conversation = runtime.Conversation(self._paths.socket, self._held_s, OLD_ANSWER_S)
            pid = stats.worker_pid(conversation.ask(stats.WHO))
            if pid is None:
                conversation.close()
            else:
                self.release(pid)
                self._held[pid] = conversation
            return pid
        return None

    def release(self, pid: int | None) -> None:
        """Hold a worker no longer: it goes on serving."""
        conversation = None if pid is None else self._held.pop(pid, None)
        if conversation is not None:
            conversation.close()

    def see_off(self) -> None:
        """Let old workers end that are idle, and wait until they have.

        Raises:
            SocketError: as `read`.
        """
        processes.wait(self._read()[1], ENDS_S)

    def close(self) -> None:
        """Hold no worker any longer."""
        for pid in tuple(self._held):
            self.release(pid)
        self._only = None
