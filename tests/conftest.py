"""What holds for all tests: where those that need root may run, and how hypothesis generates.

Must not provide fixtures of any one room; those stand next to the tests that use them.
"""

import gc
import itertools
import os
from collections import Counter
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings

LONG = Path(__file__).with_name("long_files.txt")  # seconds and path of each file that takes long
LONGEST = 40
GARBAGE = 20_000  # objects more than were freed, after which Python looks for those that hold one another
SANDBOXED = tuple(Path(path) for path in ("/run", "/tmp", "/var/lib/evener"))

# Deadlines measure the machine, not the code. In CI the same cases run every time.
settings.register_profile("evener", deadline=None)
settings.register_profile("evener-ci", parent=settings.get_profile("evener"), derandomize=True)
settings.load_profile("evener-ci" if os.environ.get("CI") else "evener")


def pytest_configure(config: pytest.Config) -> None:
    """Make the directory of temporary ones, which who shares the tests out has outside of this sandbox."""
    if hasattr(config, "workerinput") and config.option.basetemp:
        Path(config.option.basetemp).parent.mkdir(parents=True, exist_ok=True)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage while tests are collected, then never among them, and less often than every 700 objects.

    A third of the time of short tests was that.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.set_threshold(GARBAGE)
        gc.enable()


def in_sandbox() -> bool:
    """Say whether this process runs below tests/sandbox, which mounts a file system of its own on each."""
    return all(path.is_mount() for path in SANDBOXED)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where files are shared out begin with those that take longest: at the end none is left to wait for."""
    if not config.getoption("loadscopereorder", default=True):
        lines = (line.split() for line in LONG.read_text().splitlines())
        seconds = {path: int(number) for number, path in lines}
        items.sort(key=lambda item: -seconds.get(item.nodeid.partition("::")[0], 0))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say at the end of a run that was shared out which files took longest, as `long_files.txt` has them."""
    if config.getoption("dist", default="no") != "loadfile":
        return
    taken: Counter[str] = Counter()
    for report in itertools.chain.from_iterable(terminalreporter.stats.values()):
        if isinstance(report, pytest.TestReport):
            taken[report.nodeid.partition("::")[0]] += report.duration
    terminalreporter.section("seconds of the longest files")
    for path, seconds in taken.most_common(LONGEST):
        terminalreporter.write_line(f"{seconds:.0f} {path}")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Refuse to run what would change the host itself."""
    needing = [item for item in session.items if item.get_closest_marker("root")]
    if needing and not session.config.option.collectonly and not in_sandbox():
        pytest.exit(
            f"{len(needing)} of the tests make namespaces, links and processes (the first is "
            f"{needing[0].nodeid}).\nRun them in the sandbox, as root: tests/sandbox .venv/bin/pytest …\n"
            'or leave them out: .venv/bin/pytest -m "not root"',
            returncode=pytest.ExitCode.USAGE_ERROR,
        )
