"""NULL comes before all else, in orders and in the indexes that have them: in most databases it does anyway."""

from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.visitors import InternalTraversal

_CLAUSE = InternalTraversal.dp_clauseelement


class none_lowest(ColumnElement[Any]):  # noqa: N801 - used as a function is
    """A term of ORDER BY, or a column of an index, by which NULL is less than all else."""

    inherit_cache = True
    _traverse_internals: list[tuple[str, InternalTraversal]] = [("element", _CLAUSE)]  # noqa: RUF012

    def __init__(self, element: ColumnElement[Any]) -> None:
        self.element = element


@compiles(none_lowest)
def _as_usual(element: none_lowest, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.element, **options)


@compiles(none_lowest, "postgresql")
def _for_postgresql(element: none_lowest, compiler: SQLCompiler, **options: Any) -> str:
    term = _as_usual(element, compiler, **options)
    return f"{term} NULLS {'LAST' if term.endswith(' DESC') else 'FIRST'}"
