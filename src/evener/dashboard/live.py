"""What keeps an open page true: the API is asked once a second for all pages that show the same, and changes are sent.

Server-sent events: `changed` with the new part of the page, `away` and `well` of the API, `gone`, `ended`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable
from dataclasses import dataclass
from typing import Any

from falcon.asgi import SSEvent

from evener.dashboard import balancer, listing
from evener.dashboard.asked import Asked
from evener.dashboard.cloud import Away, LoggedOut, Refused
from evener.dashboard.templates import render

EVERY_S = 0.9
WHOLE_EVERY_S = 10.0  # of what the tree of statuses does not tell; longer where there is much to ask
OF_A_POOL_S = 2.0
SIGN_OF_LIFE_S = 5.0  # who has gone is noticed by then
OLD_S = 60.0


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of page: the part that changes, what is asked each time, and what is shown.

    `whole_every_s` tells of the values when all is read again although nothing seems to have changed.
    """

    template: str
    probe: Callable[[Asked], Any]
    show: Callable[[Asked, Any], dict[str, Any]]
    whole_every_s: Callable[[dict[str, Any]], float] | None = None


def _whole_every_s(values: dict[str, Any]) -> float:
    return WHOLE_EVERY_S + OF_A_POOL_S * len(values["pools"])


LIST = Kind("list_live.html", listing.ask, listing.values)
BALANCER = Kind(
    "balancer_live.html",
    balancer.probe,
    lambda asked, _: balancer.values(balancer.read(asked)),
    _whole_every_s,
)


class Shared:
    """Answers that several pages of one session wait for, asked for once."""

    def __init__(self) -> None:
        self._known: dict[Hashable, tuple[float, asyncio.Task[Any]]] = {}

    async def get(self, key: Hashable, work: Callable[[], Any]) -> Any:
        """Return what `work` does in a thread, or what it returned for the same `key` a moment ago."""
        now_s = asyncio.get_running_loop().time()
        known = self._known.get(key)
        if known is None or now_s - known[0] >= EVERY_S:
            self._known = {each: entry for each, entry in self._known.items() if now_s - entry[0] < OLD_S}
            known = self._known[key] = now_s, asyncio.create_task(asyncio.to_thread(work))
        return await asyncio.shield(known[1])


async def events(shared: Shared, kind: Kind, asked: Asked, query_string: str) -> AsyncIterator[SSEvent]:
    """Send what changes on a page, until its browser has gone or there is nothing more to tell."""
    key = (asked.session.key, kind.template, *sorted(asked.parts.items()), *sorted(asked.query.items()))
    loop = asyncio.get_running_loop()
    last: Any = None
    sent, is_away, whole_at_s, sign_at_s = "", False, 0.0, loop.time() + SIGN_OF_LIFE_S
    while not asked.session.has_ended:
        try:
            found = await shared.get(key, lambda: kind.probe(asked))
            if is_away:
                is_away = False
                yield SSEvent(event="well", text="")
            if found != last or (whole_at_s and loop.time() >= whole_at_s):
                values = await asyncio.to_thread(kind.show, asked, found)
                last = found
                whole_at_s = loop.time() + kind.whole_every_s(values) if kind.whole_every_s else 0.0
                text = render(kind.template, asked.session, values, query_string)
                if text != sent:
                    sent = text
                    yield SSEvent(event="changed", json=text)
        except LoggedOut:
            break
        except Away:
            is_away = True
            yield SSEvent(event="away", text="")
        except Refused as refusal:
            if refusal.status == 404:
                yield SSEvent(event="gone", text="")
                return
        if loop.time() >= sign_at_s:
            sign_at_s = loop.time() + SIGN_OF_LIFE_S
            yield SSEvent()
        await asyncio.sleep(EVERY_S)
    async for each in ended():
        yield each


async def ended() -> AsyncIterator[SSEvent]:
    """Say that nobody is logged in; an error's status would be asked again for ever."""
    yield SSEvent(event="ended", text="")
