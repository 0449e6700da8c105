"""Counters that outlive the workers they were counted in. Pure; a ledger is kept as JSON by whoever holds it."""

from collections.abc import Collection, Mapping

from pydantic import BaseModel, ConfigDict

from evener.resources.facts import Counters

Readings = Mapping[str, Counters]


class Ledger(BaseModel):
    """`base`: what workers counted that are gone; `workers`: the last reading of each that lives, by its id.

    All by listener's id.
    """

    model_config = ConfigDict(frozen=True)

    base: dict[str, Counters] = {}
    workers: dict[int, dict[str, Counters]] = {}

    def read(self, readings: Mapping[int, Readings], alive: Collection[int]) -> "Ledger":
        """Return the ledger after `readings` by worker; workers not in `alive` will never count again.

        A worker that counts backwards is another one with the same id.
        """
        base = dict(self.base)
        workers: dict[int, dict[str, Counters]] = {}
        for pid, last in self.workers.items():
            now = readings.get(pid)
            if pid in alive and (now is None or not _backwards(last, now)):
                workers[pid] = last
            else:
                for listener_id, counters in last.items():
                    base[listener_id] = _add(base.get(listener_id, Counters()), counters)
        workers |= {pid: dict(reading) for pid, reading in readings.items()}
        return Ledger(base=_resting(base), workers=workers)

    def without_workers(self) -> "Ledger":
        """Return the ledger once no worker lives any more."""
        return self.read({}, ())

    def keep(self, listener_ids: Collection[str]) -> "Ledger":
        """Return the ledger of these listeners only."""

        def kept(readings: Readings) -> dict[str, Counters]:
            return {each: counters for each, counters in readings.items() if each in listener_ids}

        workers = {pid: kept(readings) for pid, readings in self.workers.items()}
        return Ledger(base=kept(self.base), workers=workers)

    def totals(self) -> dict[str, Counters]:
        """Return each listener's counters since it was made."""
        totals = dict(self.base)
        for readings in self.workers.values():
            for listener_id, counters in readings.items():
                totals[listener_id] = _add(totals.get(listener_id, Counters()), counters)
        return totals


def _add(one: Counters, other: Counters) -> Counters:
    return Counters(**{name: getattr(one, name) + getattr(other, name) for name in Counters.model_fields})


def _resting(readings: Readings) -> dict[str, Counters]:
    return {
        each: counters.model_copy(update={"active_connections": 0}) for each, counters in readings.items()
    }


def _backwards(last: Readings, now: Readings) -> bool:
    return any(
        each in now and now[each].total_connections < counters.total_connections
        for each, counters in last.items()
    )
