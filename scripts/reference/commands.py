"""Manual pages of the client's commands: one for each kind of object, and for each command that is of none."""

import argparse
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache

from scripts.reference.markup import MADE, code, definitions, plain, section
from scripts.reference.options import listed, synopsis, visible

from evener.cli.commands import all_commands, all_kinds
from evener.cli.shell import Shell
from evener.programs import PROGRAMS

# Groups of options that cliff gives to all that prints a table; they are on the page of the client itself.
OF_OUTPUT = "formatter"


def pages() -> dict[str, list[str]]:
    """Return the names of commands by the page that they are on."""
    kinds = sorted({each.command for each in all_kinds().values()}, key=len, reverse=True)
    names = sorted([*all_commands(), "complete", "help"])
    others = Counter(name.partition("-")[0] for name in names if not _kind(name, kinds))
    found: dict[str, list[str]] = {}
    for name in names:
        first = name.partition("-")[0]
        page = _kind(name, kinds) or (first if others[first] > 1 else name)
        found.setdefault(page, []).append(name)
    return found


def title(page: str) -> str:
    """Return the name of the manual page, which is no program's."""
    name = f"evener-{page}"
    return f"{name}-commands" if name in PROGRAMS else name


def _kind(name: str, kinds: Iterable[str]) -> str:
    return next((each for each in kinds if name.startswith(f"{each}-")), "")


def documents() -> dict[str, str]:
    """Return the page of each kind by its path."""
    parsers = _parsers()
    return {
        f"docs/man/{title(page)}.1.md": _page(page, {name: parsers[name] for name in names})
        for page, names in pages().items()
    }


def listing() -> str:
    """Return all commands, for the page of the client."""
    parsers = _parsers()
    return definitions(
        (
            f"[{title(page)}(1)]({title(page)}.1.md)",
            f"{', '.join(map(code, names))}: {plain(_summary(page, {name: parsers[name] for name in names}))}",
        )
        for page, names in pages().items()
    )


def output() -> str:
    """Return the options of all commands that print a table."""
    parser = _parsers()["lbaas-loadbalancer-list"]
    return listed(parser, _output(parser))


@cache
def _parsers() -> dict[str, argparse.ArgumentParser]:
    shell = Shell()
    found = {}
    for name in sorted([*all_commands(), "complete", "help"]):
        factory, _, _ = shell.command_manager.find_command([name])
        found[name] = factory(shell, None).get_parser(f"evener {name}")
    return found


def _first(parser: argparse.ArgumentParser) -> str:
    return (parser.description or "").partition("\n\n")[0]


def _output(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return [
        action
        for group in parser._action_groups
        if OF_OUTPUT in (group.title or "").lower()
        for action in group._group_actions
    ]


def _summary(page: str, parsers: Mapping[str, argparse.ArgumentParser]) -> str:
    first = _first(next(iter(parsers.values()))).rstrip(".")
    if len(parsers) == 1:
        return first[0].lower() + first[1:]
    listing = parsers.get(f"{page}-list")
    kinds = _first(listing).removeprefix("List the ").rstrip(".") if listing else f"{page}-…"
    return f"the client's commands for {kinds}"


def _page(page: str, parsers: Mapping[str, argparse.ArgumentParser]) -> str:
    return (
        f"# {title(page)}(1): {_summary(page, parsers)}\n\n"
        + section(
            "Synopsis",
            "```text\n" + "\n".join(synopsis(f"evener {n}", p) for n, p in parsers.items()) + "\n```\n",
        )
        + "".join(section(f"evener {name}", _command(parser)) for name, parser in parsers.items())
        + section("See also", "[evener(1)](evener.1.md)")
    ).rstrip("\n") + f"\n\n{MADE}"


def _command(parser: argparse.ArgumentParser) -> str:
    of_output = _output(parser)
    own = [each for each in visible(parser) if each not in of_output and each.dest != "help"]
    told = "\n\n".join(plain(part) for part in (parser.description or "").split("\n\n"))
    more = "\nIt also has the options of output of [evener(1)](evener.1.md).\n" if of_output else ""
    return f"{told}\n\n{listed(parser, own) if own else ''}{more}"
