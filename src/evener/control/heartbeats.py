"""Agents' heartbeats: who is alive under which host's name. What an agent says of itself is kept and shown as it is."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import select

from evener.control.load import load_of
from evener.control.statuses import AGENT_DOWN_AFTER
from evener.resources.agent import Agent
from evener.resources.facts import Run
from evener.store import rows
from evener.store.database import Transaction, now
from evener.store.schema import agents

CLOCK_S = 3  # so much later than it was sent a heartbeat may well be heard


def record(
    tx: Transaction, host: str, configurations: Mapping[str, Any], run: Run | None = None
) -> str | None:
    """Note that the agent on `host` is alive, and return None; or why it is not taken for the one of that name.

    An agent never seen before is registered. Among the configurations `started_at` is when the agent started, in
    ISO 8601, UTC, `moment` what its clock says now, and `availability_zone` where it is; a `load` that is none is not
    kept.
    """
    moment = now()
    shown = dict(configurations)
    started = shown.pop("started_at", None)
    zone = shown.pop("availability_zone", None)
    shown |= _clock(shown.pop("moment", None), moment)
    if load_of(shown) is None:  # nor is what nobody understands kept for others to stumble over
        shown.pop("load", None)
    values: dict[str, Any] = {"heartbeat_at": moment, "configurations": shown, "availability_zone": zone}
    if started is not None:
        values["started_at"] = datetime.fromisoformat(started)
    known = tx.execute(select(agents).where(agents.c.host == host).with_for_update()).first()
    reason = None if known is None else refusal(run, known, moment)
    if reason is not None:
        return reason
    if run is not None:
        values |= {"place": run.place, "start": run.start, "run": run.id}
    updated = tx.execute(agents.update().where(agents.c.host == host).values(**values))
    if updated.rowcount == 0:
        identity = {name: values.pop(name, None) for name in ("place", "start", "run")}
        values = {"host": host, "created_at": moment, "started_at": moment, **values}
        rows.insert(tx, Agent.model_validate({"id": str(uuid.uuid4()), **values}), **identity)
    return None


def _clock(theirs: str | None, ours: datetime) -> dict[str, int]:
    """Return by how many seconds an agent's clock is ahead of ours, where that is more than a message takes."""
    ahead_s = 0 if theirs is None else round((datetime.fromisoformat(theirs) - ours).total_seconds())
    return {"clock_ahead_s": ahead_s} if abs(ahead_s) >= CLOCK_S else {}


class Known(Protocol):
    """As much of an agent's row as tells whether another one is alive under its name."""

    @property
    def host(self) -> str: ...
    @property
    def place(self) -> str | None: ...
    @property
    def start(self) -> int | None: ...
    @property
    def heartbeat_at(self) -> datetime: ...


def refusal(run: Run | None, known: Known, moment: datetime) -> str | None:
    """Return why a run is not the agent that is known by its host's name, or None when it is, or may take its place.

    Of one machine and state directory, which has one agent at a time, the last start counts: what an earlier one says
    comes late. Another place's agent is taken once the known one has not been heard of for a time. Nobody but an agent
    and control knows its place and run, so who lies about its host does not get what that agent is to serve.
    """
    if known.place is None:
        return None
    if run is not None and known.place == run.place:
        if run.start >= (known.start or 0):
            return None
        return (
            f"Another agent has been started on this state directory since; let only one serve {known.host}"
        )
    if run is not None and moment - known.heartbeat_at > AGENT_DOWN_AFTER:
        return None
    return (
        f"An agent on another machine or state directory runs as host {known.host}, last heard of at"
        f" {known.heartbeat_at.isoformat(timespec='seconds')}Z; give each its own [DEFAULT] host, or stop that one and"
        f" wait {AGENT_DOWN_AFTER.total_seconds():.0f} seconds"
    )
