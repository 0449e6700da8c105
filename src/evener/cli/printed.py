"""The commands that print what the server said, as a table or as one object. All others of the kind derive from these.

Must not be gone around: cliff's own classes print whatever a name holds.
"""

import argparse
from collections.abc import Iterable, Sequence
from typing import Any

from cliff import lister, show

from evener.cli.errors import CliError
from evener.cli.visible import cell


class Lister(lister.Lister):  # noqa: TID251 - this is the way around it
    """A command whose `take_action` returns names of columns, and rows."""

    def produce_output(
        self, parsed_args: argparse.Namespace, column_names: Sequence[str], data: Iterable[Iterable[Any]]
    ) -> int:
        """Print rows."""
        _check(parsed_args, column_names)
        rows = [tuple(cell(value, parsed_args.formatter) for value in row) for row in data]
        return int(super().produce_output(parsed_args, column_names, rows))


class ShowOne(show.ShowOne):  # noqa: TID251 - as above
    """A command whose `take_action` returns names, and as many values."""

    def produce_output(
        self, parsed_args: argparse.Namespace, column_names: Sequence[str], data: Iterable[Any]
    ) -> int:
        """Print one object."""
        _check(parsed_args, column_names)
        values = tuple(cell(value, parsed_args.formatter) for value in data)
        return int(super().produce_output(parsed_args, column_names, values))


def _check(parsed: argparse.Namespace, names: Sequence[str]) -> None:
    """Refuse -c where it leaves nothing, in words of ours."""
    if parsed.columns and not set(parsed.columns) & set(names):
        raise CliError(f"There is no column {' or '.join(parsed.columns)}; there are: {', '.join(names)}")
