"""Where the boxes of a load balancer's picture stand, and what joins them. Plain data in and out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
WIDE, HIGH, GAP, BETWEEN = 230, 52, 14, 70  # pixels: a box, the gap below it, the room between columns
LONGEST = 28  # characters of a line in a box
MOST_MEMBERS = 24  # of one pool; the table has all


@dataclass(frozen=True, slots=True)
class Box:
    """One object: its corner, two lines of text, its status, and its whole name."""

    x: int
    y: int
    name: str
    detail: str
    status: str
    title: str


@dataclass(frozen=True, slots=True)
class Line:
    """From the right side of a box to the left side of another."""

    x1: int
    y1: int
    x2: int
    y2: int


@dataclass(frozen=True, slots=True)
class Picture:
    """All of it, in pixels."""

    width: int
    height: int
    boxes: Sequence[Box]
    lines: Sequence[Line]
    wide: int = WIDE
    high: int = HIGH


def draw(balancer: Json, listeners: Sequence[Json], pools: Sequence[Json]) -> Picture:
    """Return the picture: VIP, listeners, pools and members in columns from left to right."""
    columns = [column * (WIDE + BETWEEN) + 1 for column in range(4)]
    members: list[Box] = []
    places: dict[str, Box] = {}
    lines: list[Line] = []
    top = 1
    for pool in pools:
        shown = pool["members"][:MOST_MEMBERS]
        below = [
            _box(columns[3], top + index * (HIGH + GAP), each, _of_member(each))
            for index, each in enumerate(shown)
        ]
        rows = max(1, len(below))
        middle = top + ((rows - 1) * (HIGH + GAP)) // 2
        left = len(pool["members"]) - len(shown)
        more = f", {left} more" if left else ""
        places[pool["id"]] = _box(
            columns[2], middle, pool, f"{pool['lb_algorithm'].lower().replace('_', ' ')}{more}"
        )
        members += below
        lines += [_line(places[pool["id"]], each) for each in below]
        top += rows * (HIGH + GAP)
    fronts = []
    for index, listener in enumerate(listeners):
        detail = f"{listener['protocol']} {listener['protocol_port']}"
        fronts.append(_box(columns[1], 1 + index * (HIGH + GAP), listener, detail))
        used = [
            listener.get("default_pool_id"),
            *(each.get("redirect_pool_id") for each in listener["policies"]),
        ]
        lines += [_line(fronts[-1], places[each]) for each in dict.fromkeys(used) if each in places]
    whole = max(top, 1 + max(1, len(listeners)) * (HIGH + GAP))
    vip = _box(columns[0], 1, balancer, balancer.get("vip_address") or "")
    lines += [_line(vip, each) for each in fronts]
    return Picture(columns[3] + WIDE + 1, whole, [vip, *fronts, *places.values(), *members], lines)


def _of_member(member: Json) -> str:
    return f"{member['address']}:{member['protocol_port']}, weight {member['weight']}"


def _box(x: int, y: int, thing: Json, detail: str) -> Box:
    name = thing.get("name") or thing["id"]
    status = thing.get("operating_status") or ""
    return Box(x, y, _short(name), _short(detail), status, f"{name}, {detail}, {status}")


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _line(left: Box, right: Box) -> Line:
    return Line(left.x + WIDE, left.y + HIGH // 2, right.x, right.y + HIGH // 2)
