"""What was measured: a table for people, the same as JSON for programs. Measures nothing itself."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

AT_LEAST, AT_MOST = ">=", "<="


@dataclass(frozen=True)
class Result:
    """A number with its unit; `aim` is a bound such as ">= 0.97", `met` whether it holds; None without one."""

    name: str
    value: float
    unit: str
    aim: str | None = None
    met: bool | None = None


def result(name: str, value: float, unit: str) -> Result:
    """Return a number that is only to be known."""
    return Result(name, _rounded(value), unit)


def aimed(name: str, value: float, unit: str, bound: str, aim: float) -> Result:
    """Return a number with an aim; `bound` is `AT_LEAST` or `AT_MOST`."""
    met = value >= aim if bound == AT_LEAST else value <= aim
    return Result(name, _rounded(value), unit, f"{bound} {aim:g}", met)


def _rounded(value: float) -> float:
    return round(value, 3 if abs(value) < 10 else 1)


def table(results: Sequence[Result]) -> str:
    """Return the results as lines of text."""
    rows = [("what", "value", "unit", "aim", "")]
    rows += [(r.name, f"{r.value:g}", r.unit, r.aim or "", _verdict(r.met)) for r in results]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(_line(row, widths) for row in rows)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    name, value, *rest = row
    cells = [name.ljust(widths[0]), value.rjust(widths[1])]
    cells += [cell.ljust(width) for cell, width in zip(rest, widths[2:], strict=True)]
    return "  ".join(cells).rstrip()


def _verdict(met: bool | None) -> str:  # noqa: FBT001 - three-valued, not a switch
    return "" if met is None else "met" if met else "NOT MET"


def write(results: Sequence[Result], path: Path) -> None:
    """Write the results as a list of objects; the file belongs to whom its directory belongs to."""
    path.write_text(json.dumps([asdict(each) for each in results], indent=1) + "\n", encoding="utf-8")
    owner = path.parent.stat()
    os.chown(path, owner.st_uid, owner.st_gid)
