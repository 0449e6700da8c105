"""Where the boxes of a load balancer's picture stand, and what joins them. Plain data in and out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from evener.dashboard.rates import Flow, Flows, together, told
from evener.dashboard.words import say

Json = dict[str, Any]
WIDE, HIGH, GAP, BETWEEN = 200, 70, 14, 42  # pixels: a box, the gap below it, the room between columns
ROW = HIGH + GAP
LONGEST, LONGEST_BESIDE = 25, 14  # characters of a line in a box, and of one with something beside it
MOST_MEMBERS = 24  # of one pool; the table has all


@dataclass(frozen=True, slots=True)
class Box:
    """One object: its corner, two lines of text, its status, its whole name, what goes through it, and its weight."""

    x: int
    y: int
    name: str
    detail: str
    status: str
    title: str
    flow: str = ""
    weight: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """From the right side of a box to the left side of another; across columns in between, it is level."""

    x1: int
    y1: int
    x2: int
    y2: int

    @property
    def bend(self) -> int:
        """Where it leaves the level."""
        return self.x2 - BETWEEN


@dataclass(frozen=True, slots=True)
class Picture:
    """All of it, in pixels."""

    width: int
    height: int
    boxes: Sequence[Box]
    lines: Sequence[Line]
    wide: int = WIDE
    high: int = HIGH


def draw(
    balancer: Json, listeners: Sequence[Json], pools: Sequence[Json], flows: Flows | None = None
) -> Picture:
    """Return the picture: VIP, listeners, policies where there are any, pools and members, from left to right.

    `flows` are what goes through each now, where that is known.
    """
    known = flows or {}
    has_policies = any(each["policies"] for each in listeners)
    of_pools = 3 if has_policies else 2
    members: list[Box] = []
    places: dict[str, Box] = {}
    lines: list[Line] = []
    top = 1
    for pool in pools:
        shown = pool["members"][:MOST_MEMBERS]
        below = [
            _member(_column(of_pools + 1), top + index * ROW, each, known.get(each["id"]))
            for index, each in enumerate(shown)
        ]
        rows = max(1, len(below))
        left = len(pool["members"]) - len(shown)
        more = ", " + say("{number} more").format(number=left) if left else ""
        detail = f"{pool['lb_algorithm'].lower().replace('_', ' ')}{more}"
        middle = top + ((rows - 1) * ROW) // 2
        places[pool["id"]] = _box(_column(of_pools), middle, pool, detail, _sum(pool["members"], known))
        members += below
        lines += [_line(places[pool["id"]], each) for each in below]
        top += rows * ROW
    fronts, policies, row = [], [], 1
    for listener in listeners:
        detail = f"{listener['protocol']} {listener['protocol_port']}"
        front = _box(_column(1), row, listener, detail, known.get(listener["id"]))
        fronts.append(front)
        if listener.get("default_pool_id") in places:
            lines.append(_line(front, places[listener["default_pool_id"]]))
        for policy in listener["policies"]:
            row += ROW  # what goes to the default pool passes above
            policies.append(_box(_column(2), row, policy, policy["action"]))
            lines.append(_line(front, policies[-1]))
            if policy.get("redirect_pool_id") in places:
                lines.append(_line(policies[-1], places[policy["redirect_pool_id"]]))
        row += ROW
    vip = _box(_column(0), 1, balancer, balancer.get("vip_address") or "", known.get(balancer["id"]))
    lines += [_line(vip, each) for each in fronts]
    boxes = [vip, *fronts, *policies, *places.values(), *members]
    return Picture(_column(of_pools + 1) + WIDE + 1, max(top, row, 1 + ROW), boxes, lines)


def _column(number: int) -> int:
    return number * (WIDE + BETWEEN) + 1


def _sum(members: Sequence[Json], flows: Flows) -> Flow | None:
    return together([flows[each["id"]] for each in members if each["id"] in flows])


def _member(x: int, y: int, member: Json, flow: Flow | None) -> Box:
    address = f"[{member['address']}]" if ":" in member["address"] else member["address"]
    weight = say("weight {number}").format(number=member["weight"])
    named = {**member, "name": member.get("name") or member["address"]}
    return _box(x, y, named, f"{address}:{member['protocol_port']}", flow, weight)


def _box(x: int, y: int, thing: Json, detail: str, flow: Flow | None = None, weight: str = "") -> Box:
    name = thing.get("name") or thing["id"]
    status = thing.get("operating_status") or ""
    said = "" if flow is None else told(flow)
    title = ", ".join(each for each in (name, detail, weight, status, said) if each)
    return Box(
        x, y, _short(name, LONGEST_BESIDE if weight else LONGEST), _short(detail), status, title, said, weight
    )


def _short(text: str, longest: int = LONGEST) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _line(left: Box, right: Box) -> Line:
    return Line(left.x + WIDE, left.y + HIGH // 2, right.x, right.y + HIGH // 2)
