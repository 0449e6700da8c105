"""Tests that measure time, done again where they fail: a machine without time spoils one of them, a fault each."""

import inspect
import itertools
import warnings
from collections.abc import Callable
from contextlib import closing
from functools import update_wrapper, wraps
from pathlib import Path
from typing import ParamSpec, Protocol, TypeVar


class Closed(Protocol):
    """What is closed in the end."""

    def close(self) -> None: ...


P = ParamSpec("P")
T = TypeVar("T", bound=Closed)
TIMES = 3


def again(measure: Callable[P, None]) -> Callable[P, None]:
    """Have `measure` done up to three times, until it fails no more; it begins with what it needs each time.

    Of each that failed there is a warning at the end of the run: what comes often is no machine without time.
    """

    @wraps(measure)
    def measured(*args: P.args, **kwargs: P.kwargs) -> None:
        for _ in range(TIMES - 1):
            try:
                return measure(*args, **kwargs)
            except AssertionError as error:
                warnings.warn(f"{measure.__name__} is done again: {error}", stacklevel=2)
        return measure(*args, **kwargs)

    return measured


def anew(make: Callable[[Path], T]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Have a test of `made` done on another one each time that it is done; see `again`. `close` ends one."""

    def decorated(test: Callable[..., None]) -> Callable[..., None]:
        numbers = itertools.count()

        def done(tmp_path: Path, **more: object) -> None:
            directory = tmp_path / str(next(numbers))
            directory.mkdir()
            with closing(make(directory)) as made:
                test(made, **more)

        given = list(inspect.signature(test).parameters.values())
        place = inspect.Parameter("tmp_path", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        update_wrapper(done, test, updated=())
        done.__signature__ = inspect.Signature([place, *given[1:]])  # type: ignore[attr-defined]
        return again(done)

    return decorated
