"""docs/security.md names settings and tests that there are."""

import ast
import re
from functools import cache
from pathlib import Path

from evener import config
from evener_cloud import config as cloud_config

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "security.md").read_text()


@cache
def functions(name: str) -> set[str]:
    """Return the tests in the file `name`."""
    (path,) = (ROOT / "tests").rglob(name)
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}


def test_every_setting_that_is_named_is_one() -> None:
    groups = [*config.GROUPS.items(), *cloud_config.GROUPS.items()]
    settings = {(group, option.name) for group, options in groups for option in options}
    named = re.findall(r"`\[(\w+)\] (\w+)`", TEXT)
    assert len(named) > 20
    assert [each for each in named if each not in settings] == []


def test_every_bound_is_named() -> None:
    assert [option.name for option in config.GROUPS["limits"] if f"[limits] {option.name}" not in TEXT] == []


def test_every_test_that_is_named_is_one() -> None:
    named = re.findall(r"`(test_\w+\.py)(?:::(\w+))?`", TEXT)
    assert len(named) > 30
    files = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    assert [file for file, _ in named if file not in files] == []
    assert [(file, test) for file, test in named if test and test not in functions(file)] == []
