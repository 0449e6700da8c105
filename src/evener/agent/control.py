"""Control as this agent speaks to it: with its name, its run, and the database whose word it takes.

What another database says is not heard, and of what nobody knows the most of a host is never let go without a
person's word: a database can be the wrong one, empty, or restored from long ago, while what runs is in use.
"""

import itertools
import logging
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from evener.agent.errors import NotAlone
from evener.agent.journal import Journal
from evener.agent.memory import Memory
from evener.agent.metrics import AgentMetrics
from evener.bus.base import Controller
from evener.resources.errors import CallUnknown, Unavailable
from evener.resources.facts import Asker, Report, digest
from evener.resources.graph import Graph
from evener.resources.wiring import NetworkSpec, RouterSpec

LOG = logging.getLogger(__name__)
FEW = (
    2  # so many go at once though nobody knows them; they are what an old backup lacks, not a wrong database
)
SINGLY_S = 300.0


def too_many(unknown: int, held: int) -> bool:
    """Return whether so many things that nobody knows, of all that a host holds, stay until a person says otherwise."""
    return unknown > FEW and unknown * 2 > held


def takes_word_of(offered: str, known: str | None, held: int) -> bool:
    """Return whether an agent takes the word of a database by itself: of its own, or where there is nothing to lose.

    One that serves and knows none is of a time before databases had a name.
    """
    return known in (None, offered) or held == 0


class Control:
    """Implements what an agent needs of `evener.bus.base.Controller`. Any thread may call."""

    def __init__(
        self, controller: Controller, host: str, journal: Journal, memory: Memory, metrics: AgentMetrics
    ) -> None:
        self._controller, self._host = controller, host
        self._journal, self._memory, self._metrics = journal, memory, metrics
        self._run = memory.begin()
        self._numbers = itertools.count(1)
        self._singly_until = (
            0.0  # on the monotonic clock: control is of a version that takes one report at a time
        )

        self._digest: str | None = None  # of what is assigned, as the last heartbeat was answered
        self._assigned: Mapping[str, int] = {}  # as control said last

    @property
    def _database(self) -> str | None:
        return self._memory.look().database

    @property
    def _asker(self) -> Asker:
        return Asker(run=self._run.id, database=self._database)

    def heartbeat(self, configurations: Mapping[str, Any]) -> None:
        """Say that this agent is alive.

        Raises:
            NotAlone: when another agent of the same name is.
            Unavailable: when control does not answer, or has another database.
        """
        known, self._digest = self._database, None
        heard = self._controller.heartbeat(self._host, configurations, self._run, known)
        if heard.refusal is not None:
            raise NotAlone(heard.refusal)
        if heard.database == known:
            self._metrics.other_database(other=False)
            self._digest = heard.assigned
            return
        held = len(self._held())
        if not takes_word_of(heard.database, known, held):
            self._metrics.other_database(other=True)
            raise Unavailable(
                f"Control has the database {heard.database}, and what this host serves ({held} load balancers, networks"
                f" and routers) is from {known}. It is served on as it was last, and nothing is removed. See"
                " [database] connection; to have this host serve what the other database says, and lose what that does"
                f" not know, run: {accepting(heard.database)}"
            )
        self._metrics.other_database(other=False)
        LOG.info("This host serves what database %s says", heard.database)
        self._memory.take_word_of(heard.database)
        if known is not None:  # then it did not count
            self.heartbeat(configurations)

    def assigned(self) -> Mapping[str, int]:
        """Return the generations of the load balancers that this host is to serve."""
        self._assigned = self._controller.assigned(self._host, self._asker)
        return self._assigned

    def assigned_when_heard(self) -> Mapping[str, int]:
        """Return what `assigned` does, as of the last heartbeat: asked for where its answer told of something new."""
        known = self._assigned
        return known if self._digest == digest(known) else self.assigned()

    def applied(self) -> Mapping[str, int]:
        """Return those of which control knows that this host has applied all."""
        return self._controller.settled(self._host, self._asker)

    def graph(self, loadbalancer_id: str) -> Graph | None:
        """Return the graph as it should be now."""
        return self._controller.graph(self._host, loadbalancer_id, self._asker)

    def networks(self) -> tuple[NetworkSpec, ...] | None:
        """Return the networks that this host realises itself."""
        return self._controller.networks(self._host, self._asker)

    def routers(self) -> tuple[RouterSpec, ...] | None:
        """Return the routers that this host realises itself."""
        return self._controller.routers(self._host, self._asker)

    def report(self, report: Report) -> bool:
        """Say what was found or done; False when control did not take it. One at a time of each load balancer."""
        return self._controller.report(self._host, self._numbered(report), self._asker)

    def report_all(self, reports: Sequence[Report]) -> Sequence[bool]:
        """Say so of several load balancers, with one call where control knows that."""
        numbered = [self._numbered(each) for each in reports]
        if time.monotonic() >= self._singly_until:
            try:
                return self._controller.report_all(self._host, numbered, self._asker)
            except CallUnknown:  # each of which control logs with a traceback
                self._singly_until = time.monotonic() + SINGLY_S
        return [self._controller.report(self._host, each, self._asker) for each in numbered]

    def _numbered(self, report: Report) -> Report:
        return report.model_copy(update={"run": self._run.id, "number": next(self._numbers)})

    def to_stay(self, absent: Collection[str]) -> frozenset[str]:
        """Return those of `absent`, which this host holds and control did not name, that are not to be removed yet.

        What was deleted, or is elsewhere, goes; what is to be here does not. Of what nobody knows only some goes: see
        `too_many`.
        """
        stays = frozenset(absent) - self._departed(absent)
        if not stays:
            return stays
        held = self._held()
        unknown = held - self._named()
        unknown -= self._departed(unknown)
        first = unknown & self._journal.loadbalancers() or unknown  # what they stand on goes after them
        if not too_many(len(unknown), len(held)):
            self._metrics.kept(0)
            return stays - first
        if self._memory.look().accepted:
            LOG.warning("Of %d things that this host holds %d go as a person said", len(held), len(unknown))
            return stays - first
        self._metrics.kept(len(unknown))
        LOG.error(
            "Control does not know %d of the %d load balancers, networks and routers of this host, and did not delete"
            " them: they stay. See [database] connection, and whether a backup was restored; to lose them, run: %s",
            len(unknown),
            len(held),
            accepting(str(self._database)),
        )
        return stays

    def settled(self) -> None:
        """Hear that nothing is here that control does not name: a person's word has been carried out."""
        self._metrics.kept(0)
        if self._memory.look().accepted:
            self._memory.settle()

    def _departed(self, ids: Collection[str]) -> frozenset[str]:
        return self._controller.departed(self._host, ids, self._asker) if ids else frozenset()

    def _held(self) -> frozenset[str]:
        return self._journal.loadbalancers() | self._journal.networks() | self._journal.routers()

    def _named(self) -> frozenset[str]:
        """Return all that control names to this host; all that it has of a kind that is another service's work."""
        networks, routers = self.networks(), self.routers()
        wired = self._journal.networks() if networks is None else frozenset(each.id for each in networks)
        routed = self._journal.routers() if routers is None else frozenset(each.id for each in routers)
        return frozenset(self.assigned()) | wired | routed


def accepting(database: str) -> str:
    """Return the command by which a person has a host take the word of a database."""
    return f"evener-agent --accept-database {database} (or evener-standalone, where that serves)"
