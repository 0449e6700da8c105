"""`evener top`: connections, rates and health, live. Reads only; what it shows is worked out in `readings`."""

import argparse
import itertools
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from cliff.command import Command

from evener.cli.arguments import add_request_format
from evener.cli.catalogue import BY_KIND
from evener.cli.client import Client
from evener.cli.errors import Refused
from evener.cli.readings import HEADINGS, Reading, Row, cells, counters_by_id, rows
from evener.cli.statuses import STYLES
from evener.cli.verbs import client_of

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

MOST = 50  # load balancers shown where none is named: two requests each, every DELAY_S seconds
DELAY_S = 2.0
WIDTH = 120  # of plain text, in characters


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


def read(client: Client, ids: Sequence[str]) -> dict[str, Reading]:
    """Return a reading of each load balancer of `ids` that there is."""
    found = {}
    for balancer_id in ids:
        path = f"lbaas/loadbalancers/{balancer_id}"
        try:
            balancer = client.request("GET", f"{path}/statuses")["statuses"]["loadbalancer"]
            stats = client.request("GET", f"{path}/stats", query={"detail": "true"})["stats"]
        except Refused as refused:
            if refused.status == 404:
                continue
            raise
        found[balancer_id] = Reading(time.monotonic(), balancer, counters_by_id(balancer_id, stats))
    return found


def _ids(client: Client, names: Sequence[str]) -> tuple[list[str], bool]:
    """Return the ids of the load balancers to show, and whether there are more."""
    if names:
        return list(dict.fromkeys(client.find_id("loadbalancer", name) for name in names)), False
    query = {"fields": ["id"], "sort_key": ["name", "id"], "sort_dir": ["asc", "asc"], "limit": MOST + 1}
    answer = client.request("GET", BY_KIND["loadbalancer"].path, query=query)
    ids = [str(one["id"]) for one in answer["loadbalancers"]]
    return ids[:MOST], len(ids) > MOST


def frames(client: Client, names: Sequence[str], delay_s: float) -> Iterator[tuple[list[Row], bool]]:
    """Yield the lines of all load balancers, every `delay_s` seconds, and whether there are more of them."""
    before: dict[str, Reading] = {}
    due_s = time.monotonic()
    while True:
        ids, more = _ids(client, names)
        now = read(client, ids)
        yield [row for key, reading in now.items() for row in rows(before.get(key), reading)], more
        before = now
        due_s = max(due_s + delay_s, time.monotonic())
        time.sleep(due_s - time.monotonic() if due_s > time.monotonic() else 0.0)


def _table(found: Sequence[Row], *, more: bool, boxed: bool) -> "Table":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    caption = f"the first {MOST} load balancers; name others to see them" if more else None
    table = Table(box=SIMPLE_HEAD if boxed else None, caption=caption, pad_edge=False)
    for index, heading in enumerate(HEADINGS):
        table.add_column(heading, justify="left" if index < 2 else "right", no_wrap=True)
    for row in found:
        name, status, *numbers = cells(row)
        style = "bold" if row.depth == 0 else ""
        table.add_row(Text(name, style=style), Text(status, style=STYLES.get(status, "")), *numbers)
    return table


class Top(Command):
    """Show connections, rates and health of load balancers, listeners and members, again and again.

    Refreshes in place on a terminal until it is interrupted; elsewhere prints a table of plain text each time.
    conns are connections open now; the rates are averages since the last refresh; total and errors count since
    the load balancer was made. "-" is what is not known: rates at first, and counters that the server does not
    keep for a listener or member.
    """

    def get_epilog(self) -> str:
        return ""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
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
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        from rich.console import Console

        client = client_of(self.app)
        live = self.app.stdout.isatty()
        shown = itertools.islice(
            frames(client, parsed_args.loadbalancers, parsed_args.delay), parsed_args.count
        )
        console = Console(file=self.app.stdout, highlight=False, width=None if live else WIDTH)
        try:
            if live:
                _show_live(console, shown)
            else:
                _print(console, shown)
        except KeyboardInterrupt:  # how one leaves it
            return


def _show_live(console: "Console", shown: Iterator[tuple[list[Row], bool]]) -> None:
    from rich.live import Live

    table: Any = ""
    with Live(console=console, screen=True, auto_refresh=False) as live:
        for found, more in shown:
            table = _table(found, more=more, boxed=True)
            live.update(table, refresh=True)
    console.print(table)  # what was seen last stays to be read


def _print(console: "Console", shown: Iterator[tuple[list[Row], bool]]) -> None:
    for number, (found, more) in enumerate(shown):
        if number:
            console.print()
        console.print(_table(found, more=more, boxed=False))
