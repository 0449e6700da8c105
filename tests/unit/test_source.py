"""What no source of ours may contain, because of what users can write."""

import ast
from collections.abc import Iterator
from pathlib import Path

import evener

SOURCE = Path(evener.__file__).parents[1]  # of both roots
DATAPLANE = SOURCE / "evener" / "dataplane"
# Those that run a program: HAProxy or keepalived to serve, HAProxy to check a file that is to be served, or to ask its
# version.
RUNS_PROGRAMS = {"launching.py", "haproxy/config_files.py", "haproxy/settings.py"}


def nodes(paths: Iterator[Path]) -> Iterator[tuple[Path, ast.AST]]:
    for path in sorted(paths):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            yield path, node


def test_nothing_takes_lines_apart_at_more_than_line_feeds() -> None:
    """`str.splitlines` ends lines at eleven characters, of which users may write some: `split` at a line feed."""
    found = [
        f"{path.relative_to(SOURCE)}:{node.lineno}"
        for path, node in nodes(SOURCE.rglob("evener*/**/*.py"))
        if isinstance(node, ast.Attribute) and node.attr == "splitlines"
    ]
    assert found == []


def test_what_only_looks_runs_no_program() -> None:
    found = {
        str(path.relative_to(DATAPLANE))
        for path, node in nodes(DATAPLANE.rglob("*.py"))
        if "subprocess" in _imported(node)
    }
    assert found == RUNS_PROGRAMS


def _imported(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Import):
        return {each.name for each in node.names}
    return {str(node.module)} if isinstance(node, ast.ImportFrom) else set()
