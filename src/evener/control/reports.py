"""What agents report, put where statuses and counters are derived from."""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, Table, bindparam, func, literal, select, union_all, update

from evener.control import events, reached
from evener.control.certificates import held
from evener.control.consumers import Consumers
from evener.control.graphs import BELOW
from evener.resources.event import LONGEST_REASON, EventType
from evener.resources.facts import Counters, Observation, Report
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.member import Member
from evener.resources.types import OperatingStatus
from evener.store.database import Transaction, now
from evener.store.rows import table
from evener.store.schema import (
    NOBODY,
    agents,
    bindings,
    counters,
    listeners,
    loadbalancers,
    member_health,
    members,
)

LOG = logging.getLogger(__name__)
LONGEST_WHY = 255
CUMULATIVE = Counters.model_fields.keys() - {"active_connections"}


@dataclass(frozen=True, slots=True)
class Sender:
    """Who has reported, and how far it was before: its row of `bindings`, locked.

    Where it says how far it is, that of the load balancer is locked too, and what that keeps is there (`reached`).
    """

    agent_id: str
    host: str
    binding: Row[Any]


def senders(tx: Transaction, host: str, agent_id: str | None, said: Sequence[Report]) -> dict[str, Sender]:
    """Return who sends reports, by the load balancers of those that are to be taken; `agent_id` is None of a stranger.

    Only who is bound to a load balancer reports on it, and nothing older than what is known. That it is the run that
    is heard of its host was seen before.
    """
    if agent_id is None:
        LOG.warning("Load balancer %s: report of unknown agent %s", said[0].loadbalancer_id, host)
        return {}
    ids = [report.loadbalancer_id for report in said]
    wanted = select(bindings)
    if any(map(is_of_progress, said)):  # the load balancers' rows first, as changes do
        both = loadbalancers.join(bindings, bindings.c.loadbalancer_id == loadbalancers.c.id)
        kept = (loadbalancers.c.reached_generation, loadbalancers.c.failing_generation)
        wanted = select(bindings, *kept).select_from(both)
    mine = wanted.where(bindings.c.loadbalancer_id.in_(ids), bindings.c.agent_id == agent_id)
    bound = {row.loadbalancer_id: row for row in tx.execute(mine.order_by(bindings.c.id).with_for_update())}
    found = {}
    for report in said:
        binding = bound.get(report.loadbalancer_id)
        if binding is None:
            LOG.warning(
                "Load balancer %s: the agent on %s reports, but does not serve it",
                report.loadbalancer_id,
                host,
            )
        elif is_late(report, binding.reported_run, binding.reported_number):
            LOG.warning(
                "Load balancer %s: a report of the agent on %s came too late", report.loadbalancer_id, host
            )
        else:
            found[report.loadbalancer_id] = Sender(agent_id, host, binding)
    return found


def is_of_progress(report: Report) -> bool:
    """Return whether a report says how far its agent is."""
    return report.gone or report.applied_generation is not None or report.failure is not None


def is_late(report: Report, known_run: str | None, known_number: int | None) -> bool:
    """Return whether a report is no newer than one that is known of its run."""
    if report.run is None:  # of an agent that does not number them
        return False
    return known_run == report.run and report.number <= (known_number or 0)


def note_numbers(tx: Transaction, taken: Sequence[tuple[Sender, Report]]) -> None:
    """Note which reports, that are not of progress, were the last of their runs; in one statement."""
    noted = [
        {
            "of_balancer": report.loadbalancer_id,
            "of_agent": sender.agent_id,
            "in_run": report.run,
            "its_number": report.number,
        }
        for sender, report in taken
        if report.run is not None
    ]
    if noted:
        tx.execute(_NUMBERED, noted)


_NUMBERED = (
    update(bindings)
    .where(
        bindings.c.loadbalancer_id == bindparam("of_balancer"), bindings.c.agent_id == bindparam("of_agent")
    )
    .values(reported_run=bindparam("in_run"), reported_number=bindparam("its_number"))
)


def store_progress(tx: Transaction, known: Sender, report: Report) -> None:
    """Note how far an agent is; what it says of an older generation than the last one changes nothing."""
    before, applied, failure = known.binding, report.applied_generation, report.failure
    at_least = max(before.applied_generation, applied or 0)
    failed = before.failed_generation or 0
    values: dict[str, Any] = {}
    if report.run is not None:
        values |= {"reported_run": report.run, "reported_number": report.number}
    if applied is not None or failure is not None:
        values["applied_generation"] = at_least
    if failure is not None and failure.generation >= max(at_least, failed):
        values |= {"failed_generation": failure.generation, "failure": failure.reason[:LONGEST_REASON]}
        values |= {"failed_objects": list(failure.objects) or None}
        if not failure.serving:  # nothing is as it was once applied
            values |= {"applied_generation": 0}
    elif applied is not None and failed <= applied:
        values |= {"failed_generation": None, "failure": None, "failed_objects": None}
    if values:
        mine = (bindings.c.loadbalancer_id == report.loadbalancer_id, bindings.c.agent_id == known.agent_id)
        tx.execute(update(bindings).where(*mine).values(**values))
    if is_of_progress(report):
        now_at = [
            values.get(name, getattr(before, name)) for name in ("applied_generation", "failed_generation")
        ]
        if now_at != [before.reached_generation, before.failing_generation]:
            reached.keep(tx, report.loadbalancer_id)
    _note_progress(tx, known, report)


def _note_progress(tx: Transaction, known: Sender, said: Report) -> None:
    """Note a generation that is the first time applied, or not to be; what is said again is no event."""
    before, found = known.binding, list[events.Said]()
    whole = (LoadBalancer.KIND, said.loadbalancer_id, "")
    if said.failure is not None:
        failed = {"generation": said.failure.generation, "reason": said.failure.reason[:LONGEST_REASON]}
        if (before.failed_generation, before.failure) != (failed["generation"], failed["reason"]):
            found.append((EventType.FAILED, *whole, failed))
    if (said.applied_generation or 0) > before.applied_generation:
        found.append((EventType.APPLIED, *whole, {"generation": said.applied_generation}))
    events.report(tx, said.loadbalancer_id, known.host, found)


def store_vip(tx: Transaction, known: Sender, loadbalancer_id: str, seen: Observation) -> None:
    """Note whether an agent, of two that serve, has the VIP; who takes it has taken it from the other one."""
    if seen.has_vip == known.binding.has_vip:
        return
    its = bindings.c.loadbalancer_id == loadbalancer_id
    mine = bindings.c.agent_id == known.agent_id
    tx.execute(update(bindings).where(its, mine).values(has_vip=seen.has_vip))
    if seen.has_vip:
        event: events.Said = (EventType.VIP_TAKEN, LoadBalancer.KIND, loadbalancer_id, "", {})
        events.report(tx, loadbalancer_id, known.host, [event])
        tx.execute(update(bindings).where(its, ~mine, bindings.c.has_vip.is_(True)).values(has_vip=False))


def store_refusal(tx: Transaction, host: str, loadbalancer_id: str, generation: int, reason: str) -> None:
    """Note, for the agent on `host`, that nothing of `generation` can be applied there; what it has stays as it is."""
    tx.execute(select(loadbalancers.c.id).where(loadbalancers.c.id == loadbalancer_id).with_for_update())
    agent = select(agents.c.id).where(agents.c.host == host).scalar_subquery()
    mine = (bindings.c.loadbalancer_id == loadbalancer_id, bindings.c.agent_id == agent)
    newest = func.coalesce(bindings.c.failed_generation, 0) <= generation
    tx.execute(
        update(bindings)
        .where(*mine, newest)
        .values(failed_generation=generation, failure=reason[:LONGEST_REASON], failed_objects=None)
    )
    reached.keep(tx, loadbalancer_id)


def remove_what_went(tx: Transaction, consumers: Consumers | None, loadbalancer_id: str) -> None:
    """Remove the rows of deleted objects that no agent serves any longer; what they counted stays."""
    reached = tx.scalar(
        select(bindings.c.applied_generation)
        .where(bindings.c.loadbalancer_id == loadbalancer_id)
        .order_by(bindings.c.applied_generation)
    )
    if reached is None or not _something_went(tx, loadbalancer_id, reached):
        return

    def gone(columns: Any) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
        return columns.loadbalancer_id == loadbalancer_id, columns.deleted_generation <= reached

    _retire_counters(
        tx, loadbalancer_id, list(tx.scalar_ids(select(listeners.c.id).where(*gone(listeners.c))))
    )
    if consumers is not None:
        consumers.leave(tx, held(tx, gone))
    for cls in BELOW:
        below = table(cls)
        tx.execute(below.delete().where(*gone(below.c)))


def _something_went(tx: Transaction, loadbalancer_id: str, reached: int) -> bool:
    """Tell in one statement: reports are many, and most come after nothing was deleted."""
    went = (
        select(literal(1)).where(
            below.c.loadbalancer_id == loadbalancer_id, below.c.deleted_generation <= reached
        )
        for below in map(table, BELOW)
    )
    return bool(tx.scalar(union_all(*went).limit(1)))


def _retire_counters(tx: Transaction, loadbalancer_id: str, listener_ids: list[str]) -> None:
    """Add what vanishing listeners counted to the load balancer's own row, so that its sum never falls."""
    if listener_ids:
        _gather(tx, loadbalancer_id, dict.fromkeys(listener_ids, loadbalancer_id))


def retire_agent(tx: Transaction, loadbalancer_id: str, agent_id: str) -> None:
    """Forget what an agent saw that serves the load balancer no more; what it counted stays."""
    tx.execute(
        member_health.delete().where(
            member_health.c.loadbalancer_id == loadbalancer_id, member_health.c.agent_id == agent_id
        )
    )
    mine = (counters.c.loadbalancer_id == loadbalancer_id, counters.c.agent_id == agent_id)
    _gather(
        tx, loadbalancer_id, {each: each for each in tx.scalar_ids(select(counters.c.owner_id).where(*mine))}
    )


def _gather(tx: Transaction, loadbalancer_id: str, heirs: Mapping[str, str]) -> None:
    """Add what was counted in the names of `heirs`, by whichever agent, to NOBODY's rows of their heirs."""
    concerned = {*heirs, *heirs.values()}
    owned = (counters.c.loadbalancer_id == loadbalancer_id, counters.c.owner_id.in_(concerned))
    totals: dict[str, Counters] = {}
    for row in tx.execute(select(counters).where(*owned).with_for_update()).mappings():
        heir = heirs.get(row["owner_id"], row["owner_id"])
        counted = Counters(**{name: row[name] for name in Counters.model_fields})
        totals[heir] = totals.get(heir, Counters()) + counted
    tx.execute(counters.delete().where(*owned))
    retired = [
        {
            **total.model_dump(),
            "active_connections": 0,
            "owner_id": heir,
            "agent_id": NOBODY,
            "loadbalancer_id": loadbalancer_id,
        }
        for heir, total in totals.items()
    ]
    if retired:
        tx.execute(counters.insert(), retired)


@dataclass(frozen=True, slots=True)
class Known:
    """What an agent has seen before, by load balancer: of members and of what has counters, by their ids."""

    health: Mapping[str, Mapping[str, Any]]
    counters: Mapping[str, Mapping[str, Any]]


def known_of(tx: Transaction, agent_id: str, loadbalancer_ids: Sequence[str]) -> Known:
    """Return what an agent has seen of load balancers; nobody else changes it until the transaction ends."""
    health = ("status", "reason", "changed_at")
    return Known(
        _known(tx, member_health.c.member_id, health, loadbalancer_ids, agent_id),
        _counted(tx, loadbalancer_ids, agent_id),
    )


def _counted(tx: Transaction, loadbalancer_ids: Sequence[str], agent_id: str) -> dict[str, dict[str, Any]]:
    return _known(tx, counters.c.owner_id, tuple(Counters.model_fields), loadbalancer_ids, agent_id)


def store_observations(tx: Transaction, taken: Sequence[tuple[Sender, Report]]) -> None:
    """Store how one agent sees members, and what it counted; only what differs is written, of all at once."""
    seen = {each.loadbalancer_id: each.observation for _, each in taken if each.observation is not None}
    if not seen:
        return
    sender, _ = taken[0]
    before = known_of(tx, sender.agent_id, list(seen))
    health = {key: _health_news(each, before.health.get(key, {})) for key, each in seen.items()}
    _store(tx, member_health.c.member_id, members, sender.agent_id, before.health, health)
    for key, news in health.items():
        _note_moves(tx, key, sender, (seen[key], news), before.health.get(key, {}))
    counted = {key: _counter_news(each, before.counters.get(key, {})) for key, each in seen.items()}
    _store(tx, counters.c.owner_id, listeners, sender.agent_id, before.counters, counted)


def _health_news(seen: Observation, known: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        key: _fares(status, seen.reasons.get(key), known.get(key))
        for key, status in seen.members.items()
        if _is_said_anew(status, seen.reasons.get(key), known.get(key))
    }


def _note_moves(
    tx: Transaction,
    loadbalancer_id: str,
    sender: Sender,
    said: tuple[Observation, Collection[str]],
    known: Mapping[str, Any],
) -> None:
    """Note who went out or came back, of the members of whom is said something new."""
    seen, news = said
    moved = {key: kind for key in news if (kind := _moved(seen.members[key], known.get(key))) is not None}
    if moved:
        of_it = select(members).where(members.c.loadbalancer_id == loadbalancer_id)
        there = {row.id: events.label(row) for row in tx.execute(of_it)}
        found: list[events.Said] = [
            (
                kind,
                Member.KIND,
                key,
                there[key],
                {"reason": _why(kind, seen.reasons.get(key), known.get(key))},
            )
            for key, kind in moved.items()
            if key in there
        ]
        events.report(tx, loadbalancer_id, sender.host, found)


def _why(kind: EventType, reason: str | None, before: Mapping[str, Any] | None) -> str | None:
    """Return why a member went out, and until then how it was; nobody asks why one came back."""
    if kind is not EventType.MEMBER_OUT:
        return None
    why = f"{reason or 'Its checks fail'}; it was "
    if before is None or before["status"] != OperatingStatus.ONLINE:
        return f"{why}never in before"
    return f"{why}in from {before['changed_at']:%Y-%m-%d %H:%M:%S} UTC until now"


def _moved(status: OperatingStatus, known: Mapping[str, Any] | None) -> EventType | None:
    """Return what happened to a member; one that is there for the first time, and well, only came."""
    before = None if known is None else known["status"]
    if status == OperatingStatus.OFFLINE != before:
        return EventType.MEMBER_OUT
    back = status == OperatingStatus.ONLINE and before == OperatingStatus.OFFLINE
    return EventType.MEMBER_IN if back else None


def _is_said_anew(status: OperatingStatus, reason: str | None, known: Mapping[str, Any] | None) -> bool:
    """Return whether that is not what is stored; why a member went out stands until another reason is given."""
    if known is None or known["status"] != status:
        return True
    return bool(reason) and str(reason)[:LONGEST_WHY] != known["reason"]


def _fares(status: OperatingStatus, reason: str | None, known: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what is stored of a member from now on."""
    goes_on = known is not None and known["status"] == status
    return {
        "status": str(status),
        "changed_at": known["changed_at"] if known is not None and goes_on else now(),
        "reason": reason[:LONGEST_WHY] if reason else None,
    }


def store_counters(tx: Transaction, loadbalancer_id: str, agent_id: str, seen: Observation) -> None:
    """Store listeners' counters, of which none falls: two readings may come in another order than they were taken."""
    known = _counted(tx, [loadbalancer_id], agent_id)
    news = {loadbalancer_id: _counter_news(seen, known.get(loadbalancer_id, {}))}
    _store(tx, counters.c.owner_id, listeners, agent_id, known, news)


def _counter_news(seen: Observation, known: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    risen = {key: _risen(counted, known.get(key)).model_dump() for key, counted in seen.listeners.items()}
    return {key: values for key, values in risen.items() if values.items() - known.get(key, {}).items()}


def is_news(known: Mapping[str, Mapping[str, Any]], seen: Observation) -> bool:
    """Return whether an agent has counted anything else than its rows of counters say, which are `known` by owner."""
    return any(
        key not in known or any(value != known[key][name] for name, value in _risen(counted, known[key]))
        for key, counted in seen.listeners.items()
    )


def _risen(counted: Counters, known: Mapping[str, Any] | None) -> Counters:
    """Return what was counted, or was known already where that is more."""
    if known is None:
        return counted
    both = {name: (getattr(counted, name), known[name]) for name in CUMULATIVE}
    more = {
        name: max((each for each in values if each is not None), default=None)
        for name, values in both.items()
    }
    return counted.model_copy(update=more)


def _known(
    tx: Transaction, key: Any, names: Sequence[str], loadbalancer_ids: Sequence[str], agent_id: str
) -> dict[str, dict[str, Any]]:
    """Return the columns `names` of an agent's rows, by load balancer and `key`, and keep them from others."""
    kept = key.table.c
    columns = (key, kept.loadbalancer_id, *(kept[name] for name in names))
    of_it = select(*columns).where(kept.loadbalancer_id.in_(loadbalancer_ids), kept.agent_id == agent_id)
    found: dict[str, dict[str, Any]] = {}
    for row in tx.execute(of_it.with_for_update()).mappings():
        found.setdefault(row["loadbalancer_id"], {})[row[key.name]] = row
    return found


def _store(
    tx: Transaction,
    key: Any,
    owners: Table,
    agent_id: str,
    known: Mapping[str, Collection[str]],
    news: Mapping[str, Mapping[str, Mapping[str, Any]]],
) -> None:
    """Store `news` in an agent's rows, by load balancer and the ids of `owners`, as cheaply for many as for one.

    What was observed of objects that are gone is left out.
    """
    before = {(balancer, owner) for balancer, owned in known.items() for owner in owned}
    said = {(balancer, owner): values for balancer, owned in news.items() for owner, values in owned.items()}
    changed = [
        {"wanted_owner": owner, "wanted_agent": agent_id, **values}
        for (balancer, owner), values in said.items()
        if (balancer, owner) in before
    ]
    if changed:
        mine = (key == bindparam("wanted_owner"), key.table.c.agent_id == bindparam("wanted_agent"))
        tx.execute(update(key.table).where(*mine), changed)
    new = said.keys() - before
    if not new:
        return
    there = select(owners.c.loadbalancer_id, owners.c.id)
    there = there.where(owners.c.loadbalancer_id.in_({balancer for balancer, _ in new}))
    fresh = [
        {key.name: owner, "loadbalancer_id": balancer, "agent_id": agent_id, **said[balancer, owner]}
        for balancer, owner in sorted(new & {(row.loadbalancer_id, row.id) for row in tx.execute(there)})
    ]
    if fresh:
        tx.execute(key.table.insert(), fresh)
