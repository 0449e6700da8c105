"""What keeps an open page true: the API is asked once a second for all pages that show the same, and changes are sent.

Server-sent events: `changed` with the new part of the page, `picture` and `rates` with the traffic, `away` and `well`
of the API, `gone`, `ended`.
"""

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator, Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from falcon.asgi import SSEvent

from evener.dashboard import (
    agents,
    balancer,
    certificates,
    configuration,
    history,
    listing,
    overview,
    quotas,
    rates,
)
from evener.dashboard.asked import Asked
from evener.dashboard.cloud import Away, LoggedOut, Refused
from evener.dashboard.templates import render

EVERY_S = 0.9
QUIET_S = 20.0
RATES_EVERY_S = 3.0
SETTLED_S = 2.0  # after a change: the API may have answered the rest as it was a second before
WHOLE_EVERY_S = 15.0  # of what the tree of statuses does not tell; longer where there is much to ask
REPORTED_EVERY_S = 10.0  # by agents, where their settings say nothing else
OF_A_POOL_S = 2.0
CERTIFICATES_EVERY_S = 60.0
SIGN_OF_LIFE_S = 5.0  # who has gone is noticed by then
OLD_S = 60.0


def _nothing(_: dict[str, Any]) -> rates.Names:
    return {}


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of page: the part that changes, what is asked each time, and what is shown.

    `quiet_probe` is asked instead where nothing has changed for a while. `whole_every_s` tells of the values when all
    is read again although nothing seems to have changed. Of a page with traffic, `names` are what its parts are called,
    and `draw` makes its picture of the values and of what goes through, where it has one.
    """

    template: str
    probe: Callable[[Asked], Any]
    show: Callable[[Asked, Any], dict[str, Any]]
    whole_every_s: Callable[[dict[str, Any]], float] | None = None
    ask_rates: Callable[[Asked, float], rates.Sample] | None = None
    rates_every_s: float = RATES_EVERY_S
    names: Callable[[dict[str, Any]], rates.Names] = _nothing
    draw: Callable[[dict[str, Any], rates.Flows], Any] | None = None
    every_s: float = EVERY_S
    quiet_probe: Callable[[Asked], Any] | None = None


def _whole_every_s(values: dict[str, Any]) -> float:
    return WHOLE_EVERY_S + OF_A_POOL_S * len(values["pools"])


LIST = Kind("list_live.html", listing.ask, listing.values)
HISTORY = Kind("history_live.html", history.ask, history.values)
AGENTS = Kind(
    "agents_live.html", agents.probe, lambda asked, _: agents.values(asked), lambda _: WHOLE_EVERY_S
)
QUOTAS = Kind("quotas_live.html", quotas.probe, quotas.values)
# What could not be read, and when they end, is looked at again; what was read is remembered.
CERTIFICATES = Kind(
    "certificates_live.html", certificates.probe, certificates.values, lambda _: CERTIFICATES_EVERY_S
)
# What is read again tells of a host that answers again, or of a file that was written by hand.
CONFIGURATION = Kind(
    "configuration_live.html",
    balancer.quiet_probe,
    lambda asked, _: configuration.values(asked),
    lambda _: WHOLE_EVERY_S,
)
# Sorted by what is derived, of all load balancers: dear.
OVERVIEW = Kind(
    "overview_live.html",
    overview.ask,
    lambda _, found: overview.values(found),
    every_s=5.0,
    ask_rates=overview.ask_rates,
    rates_every_s=REPORTED_EVERY_S,
)
BALANCER = Kind(
    "balancer_live.html",
    balancer.probe,
    lambda asked, _: balancer.values(balancer.read(asked)),
    _whole_every_s,
    ask_rates=rates.ask,
    names=balancer.names,
    draw=balancer.drawn,
    quiet_probe=balancer.quiet_probe,
)


class Shared:
    """Answers that several pages of one session wait for, asked for once."""

    def __init__(self) -> None:
        self._known: dict[Hashable, tuple[float, asyncio.Task[Any]]] = {}

        self._samples: dict[Hashable, deque[rates.Sample]] = {}

    def samples(self, key: Hashable) -> deque[rates.Sample]:
        """Return the traffic of late; what nobody has looked at for a minute is forgotten."""
        now_s = asyncio.get_running_loop().time()
        self._samples = {
            each: kept
            for each, kept in self._samples.items()
            if each == key or (kept and now_s - kept[-1].at_s < OLD_S)
        }
        return self._samples.setdefault(key, deque(maxlen=rates.KEPT))

    async def get(self, key: Hashable, work: Callable[[], Any], stands_s: float = EVERY_S) -> Any:
        """Return what `work` does in a thread, or what it returned for the same `key` within `stands_s`."""
        now_s = asyncio.get_running_loop().time()
        known = self._known.get(key)
        if known is None or now_s - known[0] >= stands_s:
            self._known = {each: entry for each, entry in self._known.items() if now_s - entry[0] < OLD_S}
            known = self._known[key] = now_s, asyncio.create_task(asyncio.to_thread(work))
        return await asyncio.shield(known[1])


class _Open:
    """One open page: what it has been sent."""

    def __init__(self, shared: Shared, kind: Kind, asked: Asked, query_string: str) -> None:
        self._shared, self._kind, self._asked, self._query = shared, kind, asked, query_string
        self._key = (
            asked.session.key,
            kind.template,
            *sorted(asked.parts.items()),
            *sorted(asked.query.items()),
        )
        self._found: Any = None
        self._sent, self._is_away, self._whole_at_s = "", False, 0.0
        self._sent_at_s = math.inf  # nothing was yet
        self._rates_at_s, self._flows = 0.0, dict[str, rates.Flow]()
        self._values: dict[str, Any] = {}
        self._picture_sent, self._is_drawn = "", True

    async def news(self) -> Sequence[SSEvent]:
        """Return what it has to be sent now.

        Raises:
            LoggedOut, Refused: when there is nothing more to tell.
        """
        try:
            found = await self._probed()
            changed = [*await self._changed(found), *await self._rates(), *self._picture()]
        except Away:
            self._is_away = True
            return [SSEvent(event="away", text="")]
        well = [SSEvent(event="well", text="")] if self._is_away else []
        self._is_away = False
        return [*well, *changed]

    async def _probed(self) -> Any:
        kind, quiet = self._kind, self._kind.quiet_probe
        if quiet is None or asyncio.get_running_loop().time() - self._sent_at_s < QUIET_S:
            return await self._shared.get(self._key, lambda: kind.probe(self._asked), kind.every_s)
        return await self._shared.get(("quiet", *self._key), lambda: quiet(self._asked), kind.every_s)

    async def _changed(self, found: Any) -> Sequence[SSEvent]:
        now_s = asyncio.get_running_loop().time()
        is_time = self._kind.whole_every_s is not None and now_s >= self._whole_at_s
        if found == self._found and not is_time:
            return []
        is_news = found != self._found
        try:
            values = await asyncio.to_thread(self._kind.show, self._asked, found)
        except Refused as refusal:
            if refusal.status != 404:
                raise
            return []  # something below it went meanwhile; that itself has gone, the next probe tells
        self._found = found  # what could not be shown is news still
        if self._kind.whole_every_s is not None:
            self._whole_at_s = now_s + (SETTLED_S if is_news else self._kind.whole_every_s(values))
        self._values, self._is_drawn = values, False
        text = render(self._kind.template, self._asked.session, {**values, "is_part": True}, self._query)
        if text == self._sent:
            return []
        self._sent, self._sent_at_s = text, now_s
        return [SSEvent(event="changed", json=text)]

    async def _rates(self) -> Sequence[SSEvent]:
        now_s = asyncio.get_running_loop().time()
        ask = self._kind.ask_rates
        if ask is None or now_s < self._rates_at_s:
            return []
        every_s = self._kind.rates_every_s
        self._rates_at_s = now_s + every_s
        key = ("rates", *self._key)
        try:
            found = await self._shared.get(key, lambda: ask(self._asked, now_s), every_s)
        except (Away, Refused):
            return []  # what else has changed is sent all the same
        samples = self._shared.samples(key)
        if not samples or samples[-1] is not found:
            samples.append(found)
        self._flows, self._is_drawn = rates.flows(list(samples)), False
        names = self._kind.names(self._values) if self._values else {}
        values = rates.values(list(samples), self._flows, names)
        return [SSEvent(event="rates", json=render("rates.html", self._asked.session, values))]

    def _picture(self) -> Sequence[SSEvent]:
        """Return the picture anew, where what it is drawn from was read anew and it is another one."""
        draw = self._kind.draw
        if self._is_drawn or draw is None or not self._values:
            return []
        self._is_drawn = True
        drawn = draw(self._values, self._flows)
        text = render("picture.html", self._asked.session, {"picture": drawn})
        if text == self._picture_sent:
            return []
        self._picture_sent = text
        return [SSEvent(event="picture", json=text)]


async def events(shared: Shared, kind: Kind, asked: Asked, query_string: str) -> AsyncIterator[SSEvent]:
    """Send what changes on a page, until its browser has gone or there is nothing more to tell."""
    page, loop = _Open(shared, kind, asked, query_string), asyncio.get_running_loop()
    sign_at_s = loop.time() + SIGN_OF_LIFE_S
    while not asked.session.has_ended:
        try:
            for each in await page.news():
                yield each
        except LoggedOut:
            break
        except Refused as refusal:
            if refusal.status in (403, 404):
                yield SSEvent(event="gone", text="")
                return
        if loop.time() >= sign_at_s:
            sign_at_s = loop.time() + SIGN_OF_LIFE_S
            yield SSEvent()
        await asyncio.sleep(kind.every_s)
    async for each in ended():
        yield each


async def ended() -> AsyncIterator[SSEvent]:
    """Say that nobody is logged in; an error's status would be asked again for ever."""
    yield SSEvent(event="ended", text="")
