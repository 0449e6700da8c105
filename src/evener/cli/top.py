"""`evener top`: connections, rates and health, live. Reads only; what it shows is worked out in `top_rows`."""

import argparse
import itertools
import os
import select
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from evener.cli.arguments import add_request_format
from evener.cli.catalogue import BY_KIND
from evener.cli.client import Client
from evener.cli.command import Command, client_of
from evener.cli.errors import Refused
from evener.cli.moving import served
from evener.cli.statuses import STYLES
from evener.cli.top_rows import HEADINGS, Row, Sample, cells, counters_by_id, fitting, rows

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
KEYS = {
    b"\x1b[A": "up",
    b"\x1b[B": "down",
    b"\x1b[5~": "page up",
    b"\x1b[6~": "page down",
    b" ": "page down",
}

Frames = Iterator[tuple[list[Row], bool]]


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
    """Yield the lines of all load balancers as of now, and whether there are more of them."""
    before: dict[str, Sample] = {}
    while True:
        ids, more = _ids(client, names)
        now = sample(client, ids)
        yield [row for key, found in now.items() for row in rows(before.get(key), found)], more
        before = now


def _table(found: Sequence[Row], caption: str | None, width: int, *, boxed: bool) -> "Table":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD if boxed else None, caption=caption, pad_edge=False)
    texts = [cells(row) for row in found]
    shown = fitting(texts, width)
    for index in shown:
        table.add_column(HEADINGS[index], justify="left" if index < 2 else "right", no_wrap=True)
    for row, line in zip(found, texts, strict=True):
        styles = {0: "bold" if row.depth == 0 else "", 1: STYLES.get(row.status, "")}
        table.add_row(*(Text(line[index], style=styles.get(index, "")) for index in shown))
    return table


class Top(Command):
    """Show connections, rates and health of load balancers, listeners and members, again and again.

    Refreshes in place on a terminal until q is pressed, with the arrows, PgUp and PgDn to see other rows, and leaves
    out columns where it is narrow; elsewhere prints a table of plain text each time. conns are connections open now;
    the rates are averages since the last refresh; total and errors count since the load balancer was made, those of
    members since HAProxy last read its configuration anew. "-" is what is not known: rates at first, and counters
    that the server does not keep for a listener or member.
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
            show(console, itertools.islice(shown, parsed_args.count), parsed_args.delay, parsed_args.count)
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
        yield lambda seconds: _pressed(terminal, seconds)
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _none(seconds: float) -> str:
    time.sleep(max(0.0, seconds))
    return ""


def _pressed(terminal: int, seconds: float) -> str:
    if not select.select([terminal], [], [], max(0.0, seconds))[0]:
        return ""
    read = os.read(terminal, 16)
    return KEYS.get(read) or read.decode(errors="replace")[:1]


def _caption(more: bool) -> str:  # noqa: FBT001 - as `frames` yields it
    return f"the first {MOST} load balancers; name others to see them" if more else ""


def _show_live(console: "Console", shown: Frames, delay_s: float, count: int | None) -> None:
    from rich.live import Live

    top = 0
    table: Any = ""
    with Live(console=console, screen=True, auto_refresh=False) as live, pressed_keys() as pressed:
        for number, (found, more) in enumerate(shown, 1):
            due_s = time.monotonic() + delay_s
            key = "drawn anew"
            while key and key != QUIT:
                room = max(1, console.height - FRAME_LINES)
                top = max(
                    0, min(top + (MOVES.get(key, 0) * (room if key in PAGES else 1)), len(found) - room)
                )
                where = f"rows {top + 1} to {min(top + room, len(found))} of {len(found)}; q to leave"
                caption = "; ".join(filter(None, (where, _caption(more))))
                table = _table(found[top : top + room], caption, console.width, boxed=True)
                live.update(table, refresh=True)
                key = QUIT if number == count else pressed(due_s - time.monotonic())
            if key == QUIT:
                break
    console.print(table)  # what was seen last stays to be read


def _print(console: "Console", shown: Frames, delay_s: float, count: int | None) -> None:
    for number, (found, more) in enumerate(shown, 1):
        due_s = time.monotonic() + delay_s
        console.print(_table(found, _caption(more) or None, WIDTH, boxed=False))
        if number != count:
            console.print()
            time.sleep(max(0.0, due_s - time.monotonic()))
