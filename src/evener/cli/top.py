"""`evener top`: connections, rates and health, live. Reads only; what it shows is worked out in `top_rows`."""

import argparse
import itertools
import os
import re
import select
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from evener.cli.arguments import add_request_format
from evener.cli.catalogue import BY_KIND
from evener.cli.client import Client
from evener.cli.command import Command, client_of
from evener.cli.errors import Refused
from evener.cli.moving import served
from evener.cli.statuses import STYLES
from evener.cli.top_rows import (
    WORDS,
    Row,
    Sample,
    cells,
    counters_by_id,
    fitting,
    headings,
    ordered,
    rows,
)

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

MOST = 50  # load balancers shown where none is named: two requests each, every DELAY_S seconds
DELAY_S = 2.0
WIDTH = 120  # of plain text, in characters
FRAME_LINES = 6  # of a live table: around the heading and below the rows
QUIT = "q"
MOVES = {"up": -1, "k": -1, "down": 1, "j": 1, "page up": -1, "page down": 1}
PAGES = frozenset({"page up", "page down"})
ENDS = {"home": False, "g": False, "end": True, "G": True}
SORTS = {"s": 1, "right": 1, "S": -1, "left": -1}
TURN = "r"
KEYS = {
    b"\x1b[5~": "page up",
    b"\x1b[6~": "page down",
    b" ": "page down",
    b"\x1b[1~": "home",
    b"\x1b[4~": "end",
    # The rest in both modes that a terminal's cursor keys have.
    **{
        begin + letter: name
        for begin in (b"\x1b[", b"\x1bO")
        for letter, name in zip(
            (b"A", b"B", b"C", b"D", b"H", b"F"), ("up", "down", "right", "left", "home", "end"), strict=True
        )
    },
}

ONE_KEY = re.compile(rb"\x1b[\[O][0-9;]*[A-Za-z~]|.", re.DOTALL)

Groups = list[list[Row]]  # of each load balancer
Frames = Iterator[tuple[Groups, bool]]


@dataclass(frozen=True, slots=True)
class View:
    """What of all rows is seen: sorted by a column, by its word, and from which row on."""

    word: str
    turned: bool = False
    top: int = 0

    def after(self, key: str, rows: int, room: int) -> "View":
        """Return what is seen after `key`, of so many rows, of which there is `room` for some."""
        top, place = self.top, WORDS.index(self.word)
        if key in MOVES:
            top += MOVES[key] * (room if key in PAGES else 1)
        elif key in ENDS:
            top = rows if ENDS[key] else 0
        elif key in SORTS:
            return View(WORDS[(place + SORTS[key]) % len(WORDS)])
        elif key == TURN:
            return View(self.word, turned=not self.turned)
        return replace(self, top=max(0, min(top, rows - room)))


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 86400:
        raise argparse.ArgumentTypeError(f"'{text}' is no number of seconds above 0")
    return value


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no number from 1")
    return int(text)


def sample(client: Client, ids: Sequence[str]) -> dict[str, Sample]:
    """Return a sample of each load balancer of `ids` that there is."""
    found = {}
    who = served(client)
    for balancer_id in ids:
        path = f"lbaas/loadbalancers/{balancer_id}"
        try:
            balancer = client.request("GET", f"{path}/statuses")["statuses"]["loadbalancer"]
            stats = client.request("GET", f"{path}/stats", query={"detail": "true"})["stats"]
        except Refused as refused:
            if refused.status == 404:
                continue
            raise
        by_two = who.get(balancer_id, "")
        found[balancer_id] = Sample(time.monotonic(), balancer, counters_by_id(balancer_id, stats), by_two)
    return found


def _ids(client: Client, names: Sequence[str]) -> tuple[list[str], bool]:
    """Return the ids of the load balancers to show, and whether there are more."""
    if names:
        return list(dict.fromkeys(client.find_id("loadbalancer", name) for name in names)), False
    query = {"fields": ["id"], "sort_key": ["name", "id"], "sort_dir": ["asc", "asc"], "limit": MOST + 1}
    answer = client.request("GET", BY_KIND["loadbalancer"].path, query=query)
    ids = [str(one["id"]) for one in answer["loadbalancers"]]
    return ids[:MOST], len(ids) > MOST


def frames(client: Client, names: Sequence[str]) -> Frames:
    """Yield the rows of each load balancer as of now, and whether there are more of them."""
    before: dict[str, Sample] = {}
    while True:
        ids, more = _ids(client, names)
        now = sample(client, ids)
        yield [rows(before.get(key), found) for key, found in now.items()], more
        before = now


def _table(found: Sequence[Row], view: View, caption: str | None, width: int, *, boxed: bool) -> "Table":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD if boxed else None, caption=caption, pad_edge=False)
    texts = [cells(row) for row in found]
    titles = headings(view.word, turned=view.turned)
    shown = fitting(texts, width, titles)
    for index in shown:
        table.add_column(titles[index], justify="left" if index < 2 else "right", no_wrap=True)
    for row, line in zip(found, texts, strict=True):
        styles = {0: "bold" if row.depth == 0 else "", 1: STYLES.get(row.status, "")}
        table.add_row(*(Text(line[index], style=styles.get(index, "")) for index in shown))
    return table


class Top(Command):
    """Show connections, rates and health of load balancers, listeners and members, again and again.

    Refreshes in place on a terminal until q is pressed. The arrows up and down, PgUp, PgDn, Home and End show
    other rows; s, or the arrow to the right, sorts by the next column, S, or to the left, by the one before, r
    turns the order. Where it is narrow it leaves out columns; elsewhere it prints a table of plain text each
    time. conns are connections open now; the rates are averages since the last refresh; total and errors count
    since the load balancer was made, those of members since HAProxy last read its configuration anew. reqs/s are
    requests of HTTP. "-" is what is not known: rates at first, requests where bytes are passed on, as of TCP, and
    counters that the server does not keep for a listener or member.
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        add_request_format(parser)
        parser.add_argument(
            "loadbalancers",
            metavar="LOADBALANCER",
            nargs="*",
            help=f"Names or ids; the first {MOST} by name where none is given.",
        )
        parser.add_argument(
            "-d",
            "--delay",
            type=_positive,
            default=DELAY_S,
            metavar="SECONDS",
            help=f"Seconds between two refreshes; {DELAY_S:.0f} where not given.",
        )
        parser.add_argument(
            "-s",
            "--sort",
            choices=WORDS,
            default=WORDS[0],
            metavar="COLUMN",
            help=f"What load balancers are sorted by: {', '.join(WORDS)}; name where not given.",
        )
        parser.add_argument(
            "-r", "--reverse", action="store_true", help="The other way round: numbers from the least."
        )
        parser.add_argument(
            "-n",
            "--count",
            type=_count,
            metavar="COUNT",
            help="End after this many refreshes.",
        )

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        from rich.console import Console

        shown = frames(client_of(self.app), parsed_args.loadbalancers)
        live = self.app.stdout.isatty()
        console = Console(file=self.app.stdout, highlight=False, width=None if live else WIDTH)
        try:
            show = _show_live if live else _print
            view = View(parsed_args.sort, turned=parsed_args.reverse)
            show(
                console,
                itertools.islice(shown, parsed_args.count),
                view,
                parsed_args.delay,
                parsed_args.count,
            )
        except KeyboardInterrupt:  # another way to leave it
            return


@contextmanager
def pressed_keys() -> Iterator[Callable[[float], str]]:
    """Give a function that waits some seconds for a key and returns its name or character, "" where none came.

    Keys are read one at a time, without Enter.
    """
    if not sys.stdin.isatty():
        yield _none
        return
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    try:
        tty.setcbreak(terminal, termios.TCSADRAIN)  # what was typed meanwhile counts
        typed = bytearray()
        yield lambda seconds: _pressed(terminal, typed, seconds)
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _none(seconds: float) -> str:
    time.sleep(max(0.0, seconds))
    return ""


def _pressed(terminal: int, typed: bytearray, seconds: float) -> str:
    """Return the first key of those that are `typed` and not yet returned, and take it from them."""
    if not typed and select.select([terminal], [], [], max(0.0, seconds))[0]:
        typed += os.read(terminal, 64)
    found = ONE_KEY.match(bytes(typed))
    if found is None:
        return ""
    del typed[: found.end()]
    return KEYS.get(found.group()) or found.group().decode(errors="replace")


def _caption(more: bool) -> str:  # noqa: FBT001 - as `frames` yields it
    return f"the first {MOST} load balancers; name others to see them" if more else ""


def _show_live(console: "Console", shown: Frames, view: View, delay_s: float, count: int | None) -> None:
    from rich.live import Live

    table: Any = ""
    with Live(console=console, screen=True, auto_refresh=False) as live, pressed_keys() as pressed:
        for number, (found, more) in enumerate(shown, 1):
            due_s = time.monotonic() + delay_s
            key = "drawn anew"
            while key and key != QUIT:
                room = max(1, console.height - FRAME_LINES)
                view = view.after(key, sum(map(len, found)), room)
                lines = ordered(found, view.word, turned=view.turned)
                end = min(view.top + room, len(lines))
                where = f"rows {view.top + 1} to {end} of {len(lines)}; s sorts, r turns, q leaves"
                caption = "; ".join(filter(None, (where, _caption(more))))
                table = _table(lines[view.top : end], view, caption, console.width, boxed=True)
                live.update(table, refresh=True)
                key = QUIT if number == count else pressed(due_s - time.monotonic())
            if key == QUIT:
                break
    console.print(table)  # what was seen last stays to be read


def _print(console: "Console", shown: Frames, view: View, delay_s: float, count: int | None) -> None:
    for number, (found, more) in enumerate(shown, 1):
        due_s = time.monotonic() + delay_s
        lines = ordered(found, view.word, turned=view.turned)
        console.print(_table(lines, view, _caption(more) or None, WIDTH, boxed=False))
        if number != count:
            console.print()
            time.sleep(max(0.0, due_s - time.monotonic()))
