"""`evener help`: all commands, in groups of what belongs together. Knows no command but by its name."""

import argparse
import textwrap
from collections.abc import Iterable, Mapping, Sequence

from autopage.argparse import help_pager
from cliff.app import App
from cliff.help import HelpCommand

WIDTH = 80  # in characters; of a terminal that says nothing, and at most where there are descriptions
# Titles, and how the names of their commands begin. The first that fits counts.
GROUPS: Sequence[tuple[str, tuple[str, ...]]] = (
    (
        "What happens, and what is wrong",
        ("explain", "top", "logs", "lbaas-event", "doctor", "support-bundle"),
    ),
    ("Load balancers as files", ("apply", "export")),
    (
        "Load balancers",
        ("lbaas-loadbalancer", "lbaas-listener", "lbaas-pool", "lbaas-member", "lbaas-healthmonitor"),
    ),
    ("Rules for requests", ("lbaas-l7policy", "lbaas-l7rule")),
    ("Certificates", ("lbaas-certificate",)),
    ("Agents", ("agent-", "lbaas-agent")),
    ("Quotas, flavors and providers", ("quota", "flavor", "service-provider", "ext-")),
    ("Networks, subnets and ports", ("net-", "subnet-", "port-")),
    ("Routers and floating IPs", ("router-", "floatingip-")),
    ("Security groups", ("security-group",)),
    ("The client itself", ("help", "complete")),
)
OTHERS = "Others"


def grouped(names: Iterable[str]) -> dict[str, list[str]]:
    """Return the names of commands by the titles of their groups, both in the order in which they are shown."""
    left = sorted(names)
    groups: dict[str, list[str]] = {}
    for title, beginnings in GROUPS:
        found = [name for start in beginnings for name in left if name.startswith(start)]
        groups[title] = list(dict.fromkeys(found))
        left = [name for name in left if name not in groups[title]]
    return {title: found for title, found in {**groups, OTHERS: left}.items() if found}


def overview(described: Mapping[str, str]) -> str:
    """Return the list of all commands, which are `described` by name, in lines of at most WIDTH characters."""
    lines = []
    for title, names in grouped(described).items():
        column = max(map(len, names)) + 4
        lines += ["", f"{title}:"]
        for name in names:
            begin = f"  {name}".ljust(column)
            lines += textwrap.wrap(begin + described[name], WIDTH, subsequent_indent=" " * column)
    return "\n".join(lines)


class Help(HelpCommand):
    """Print what the client is told by, or how a command is used."""

    def get_epilog(self) -> str:
        return ""

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        if parsed_args.cmd:
            return int(super().take_action(parsed_args))
        show(self.app)
        return 0


def summary(description: str) -> str:
    """Return what a command does, by the first line of its description."""
    return description.partition("\n")[0].rstrip(".")


def show(app: App) -> None:
    """Print the global options and all commands, page by page on a terminal."""
    described = {
        name: summary(entry.load()(app, None).get_description()) for name, entry in app.command_manager
    }
    with help_pager(app.stdout) as out:
        out.write(f"{app.parser.format_help()}{overview(described)}\n\n")
        out.write("evener help COMMAND says how one is used.\n")
