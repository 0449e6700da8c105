"""Counters that outlive the workers they were counted in. Pure; a ledger is kept as JSON by whoever holds it."""

from collections.abc import Collection, Mapping

from pydantic import BaseModel, ConfigDict

from evener.resources.facts import Counters

ListenerCounters = Mapping[str, Counters]  # by listener's id


class Ledger(BaseModel):
    """`base`: what workers counted that are gone; `workers`: what each had counted of late that lives, by its id."""

    model_config = ConfigDict(frozen=True)

    base: dict[str, Counters] = {}
    workers: dict[int, dict[str, Counters]] = {}

    def after(self, counted: Mapping[int, ListenerCounters], alive: Collection[int]) -> "Ledger":
        """Return the ledger once workers have `counted` that; workers not in `alive` will never count again.

        A worker that counts backwards is another one with the same id.
        """
        base = dict(self.base)
        workers: dict[int, dict[str, Counters]] = {}
        for pid, last in self.workers.items():
            now = counted.get(pid)
            if pid in alive and (now is None or not _backwards(last, now)):
                workers[pid] = last
            else:
                for listener_id, counters in last.items():
                    base[listener_id] = base.get(listener_id, Counters()) + counters
        workers |= {pid: dict(each) for pid, each in counted.items()}
        return Ledger(base=_resting(base), workers=workers)

    def without_workers(self) -> "Ledger":
        """Return the ledger once no worker lives any more."""
        return self.after({}, ())

    def keep(self, listener_ids: Collection[str]) -> "Ledger":
        """Return the ledger of these listeners only."""

        def kept(counted: ListenerCounters) -> dict[str, Counters]:
            return {each: counters for each, counters in counted.items() if each in listener_ids}

        workers = {pid: kept(counted) for pid, counted in self.workers.items()}
        return Ledger(base=kept(self.base), workers=workers)

    def totals(self) -> dict[str, Counters]:
        """Return each listener's counters since it was made."""
        totals = dict(self.base)
        for counted in self.workers.values():
            for listener_id, counters in counted.items():
                totals[listener_id] = totals.get(listener_id, Counters()) + counters
        return totals


def _resting(counted: ListenerCounters) -> dict[str, Counters]:
    return {each: counters.model_copy(update={"active_connections": 0}) for each, counters in counted.items()}


def _backwards(last: ListenerCounters, now: ListenerCounters) -> bool:
    return any(
        each in now and now[each].total_connections < counters.total_connections
        for each, counters in last.items()
    )
