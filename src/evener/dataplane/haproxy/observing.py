"""What is observed of one HAProxy: made of its statistics, and only where those are others than the last time.

Most load balancers are idle most of the time, and each is asked every few seconds.
"""

from collections.abc import Callable

from evener.dataplane.haproxy import stats
from evener.dataplane.haproxy.meter import Meter
from evener.dataplane.haproxy.model import Config
from evener.dataplane.haproxy.reasons import Reasons
from evener.resources.facts import Observation
from evener.resources.types import OperatingStatus

Reading = list[stats.Row]


class Observer:
    """One thread at a time calls."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._reasons = Reasons()
        self._last: tuple[Reading, Config, Observation] | None = None

    def observation(
        self, table: Reading | None, config: Config, is_frozen: Callable[[], bool]
    ) -> Observation:
        """Return what `Meter.read` has read, without servers; of the same reading as before the very same.

        `table` is None where no process serves; `is_frozen` tells whether one is there all the same.
        """
        if self._last is not None and self._last[0] is table and self._last[1] is config:
            return self._last[2]
        health, why = self._reasons.with_health(table, config, frozen=table is None and is_frozen())
        seen = Observation(members=health, reasons=why, listeners=self._meter.totals())
        # Why a member is out is said once that is known, and then for good.
        waits = any(how == OperatingStatus.OFFLINE and key not in why for key, how in health.items())
        self._last = None if table is None or waits else (table, config, seen)
        if waits:
            self._meter.look_anew()
        return seen
