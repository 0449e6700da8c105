"""What all commands have in common: where they say what they take, how they reach the server, and how they print.

All commands derive from the three here: cliff's own print whatever a name holds, and search all installed packages for
the one they are of. Must not know any command.
"""

import argparse
import re
import shutil
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, cast

from cliff import command, lister, show
from cliff.app import App

from evener.cli.client import Client
from evener.cli.errors import CliError
from evener.cli.escaping import cell
from evener.cli.resource import Resource

ONE_LINE = 100_000  # characters
Table = tuple[Sequence[str], Any]  # names of columns, and rows; or names, and a value for each


class Connected(Protocol):
    """The application, as commands see it: with the kinds of objects that it has commands for."""

    kinds: Mapping[str, Resource]

    def client(self) -> Client:
        """Return the client of the server, logging in at the first call."""


def client_of(app: App) -> Client:
    """Return the client of the server, logged in."""
    return cast(Connected, app).client()


def kinds_of(app: App) -> Mapping[str, Resource]:
    """Return the kinds of objects that there are, by name."""
    return cast(Connected, app).kinds


def say(app: App, text: str) -> None:
    """Print `text` and a line break on the application's standard output."""
    print(text, file=app.stdout, flush=True)


class Command(command.Command):  # noqa: TID251 - this is the way around it
    """A command that prints by itself, or nothing."""

    def get_epilog(self) -> str:
        return ""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        return _filled(self, super().get_parser(prog_name))

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add what the command takes to `parser`."""


class Lister(lister.Lister):  # noqa: TID251 - as above
    """A command whose `take_action` returns names of columns, and rows."""

    def get_epilog(self) -> str:
        return ""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        return _filled(self, super().get_parser(prog_name))

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add what the command takes to `parser`."""

    def produce_output(
        self, parsed_args: argparse.Namespace, column_names: Sequence[str], data: Iterable[Iterable[Any]]
    ) -> int:
        """Print rows."""
        _check(parsed_args, column_names)
        rows = [tuple(cell(value, parsed_args.formatter) for value in row) for row in data]
        return int(super().produce_output(parsed_args, column_names, rows))


class ShowOne(show.ShowOne):  # noqa: TID251 - as above
    """A command whose `take_action` returns names, and as many values."""

    def get_epilog(self) -> str:
        return ""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        return _filled(self, super().get_parser(prog_name))

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add what the command takes to `parser`."""

    def produce_output(
        self, parsed_args: argparse.Namespace, column_names: Sequence[str], data: Iterable[Any]
    ) -> int:
        """Print one object."""
        _check(parsed_args, column_names)
        values = tuple(cell(value, parsed_args.formatter) for value in data)
        return int(super().produce_output(parsed_args, column_names, values))


AnyCommand = Command | Lister | ShowOne


@dataclass(frozen=True, slots=True)
class CommandSet:
    """The kinds of objects that commands are made for, and the commands that are like no other, by name."""

    kinds: tuple[Resource, ...]
    special: Mapping[str, type[AnyCommand]]


def _filled(made: AnyCommand, parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    made.add_arguments(parser)
    parser.usage = _usage(parser)
    return parser


def _usage(parser: argparse.ArgumentParser) -> str:
    """Return how a command is used, in lines that a terminal has room for: argparse indents by the name."""
    own: Any = parser.formatter_class
    parser.formatter_class = partial(own, width=ONE_LINE)
    text = " ".join(parser.format_usage().split()).removeprefix("usage: ").replace("%", "%%")
    parser.formatter_class = own
    text = re.sub(r"(-\S+) (?=[^-\[|])", "\\1\N{NO-BREAK SPACE}", text)  # an option and its value
    width = shutil.get_terminal_size().columns - 2
    begin = " " * len("usage: ")
    lines = textwrap.wrap(begin + text, width, subsequent_indent=begin, break_on_hyphens=False)
    return "\n".join(lines).lstrip().replace("\N{NO-BREAK SPACE}", " ")


def _check(parsed: argparse.Namespace, names: Sequence[str]) -> None:
    """Refuse -c where it leaves nothing, in words of ours."""
    if parsed.columns and not set(parsed.columns) & set(names):
        raise CliError(f"There is no column {' or '.join(parsed.columns)}; there are: {', '.join(names)}")
