"""Nothing that a request says fills a cache without bound: of every cache in the source, by its syntax tree."""

import ast
from collections.abc import Iterator
from pathlib import Path

import evener

SOURCE = Path(evener.__file__).parents[1]  # of both roots
# Annotations of what the code names, of which there are only so many.
FINITE = ("type[Resource]", "bool", "WireForm", "Words")
# Functions with other arguments, of which there are only so many all the same.
LISTED = {
    "evener/resources/wire.py:adapter": "names of attributes that exist: others raise, which is not remembered",
    "evener/resources/wire.py:_is_cleared_by_null": "names of attributes that exist: others are refused before",
    "evener/resources/wire.py:_is_nothing": "names of attributes that exist: others are refused before",
}


def caches() -> Iterator[tuple[str, ast.FunctionDef, ast.expr]]:
    """Yield where it is, the function and its decorator, for every cache without a bound that remembers arguments."""
    for path in sorted(SOURCE.rglob("evener*/**/*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                for mark in node.decorator_list:
                    yield f"{path.relative_to(SOURCE)}:{node.name}", node, mark


def is_unbounded(mark: ast.expr) -> bool:
    text = ast.unparse(mark).removeprefix("functools.")
    if text == "cache":
        return True
    sizes = (
        [ast.unparse(each) for each in [*mark.args, *(k.value for k in mark.keywords)]]
        if isinstance(mark, ast.Call)
        else []
    )
    return text.startswith("lru_cache") and "None" in sizes


def is_finite(function: ast.FunctionDef) -> bool:
    given = function.args
    arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    kinds = [
        ast.unparse(each.annotation) if each.annotation else "" for each in arguments if each is not None
    ]
    return all(kind in FINITE for kind in kinds)


def test_a_cache_without_bound_has_no_key_that_a_request_shapes() -> None:
    unbounded = {where: function for where, function, mark in caches() if is_unbounded(mark)}
    assert len(unbounded) > 10  # it is seen at all
    assert {where for where, function in unbounded.items() if not is_finite(function)} == set(LISTED)


def test_caches_are_made_by_decorators_or_say_their_size() -> None:
    for path in sorted(SOURCE.rglob("evener*/**/*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func).removeprefix("functools.")
            assert called != "cache", (path, node.lineno)
            if called == "lru_cache":
                sizes = [ast.unparse(each.value) for each in node.keywords if each.arg == "maxsize"]
                assert sizes, (path, node.lineno)
                assert sizes != ["None"], (path, node.lineno)
