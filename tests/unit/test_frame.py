"""The frame: what the Makefile, the lock files and the documents promise each other."""

import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock")
SOURCES = sorted(
    path
    for folder in ("src", "tests", "demo", "bench", "scripts")
    for path in (ROOT / folder).rglob("*")
    if path.is_file() and path.suffix in {".py", ".sh", ""} and "migrations" not in path.parts
)


def pins(lock: str) -> dict[str, str]:
    """Return the versions of a lock file by the packages' names."""
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / lock).read_text(), re.MULTILINE))


def normalised(requirement: str) -> str:
    """Return the name in a requirement, as PEP 503 compares it."""
    name = re.split(r"[\[<>=!~; ]", requirement)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("lock", [*LOCKS, "requirements-docs.lock"])
def test_a_lock_file_names_packages_versions_and_hashes_only(lock: str) -> None:
    line = re.compile(r"[a-z0-9-]+==\S+( ; [^/]+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?")
    odd = [text for text in (ROOT / lock).read_text().splitlines() if not line.fullmatch(text)]
    assert odd == []


def test_every_dependency_of_the_project_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {normalised(name) for name in project["dependencies"]} <= pins(LOCKS[0]).keys()
    assert {normalised(name) for name in project["optional-dependencies"]["dev"]} <= pins(LOCKS[1]).keys()


def test_development_runs_the_versions_that_users_run() -> None:
    users, development = (pins(lock) for lock in LOCKS)
    assert users.items() <= development.items()


@pytest.mark.parametrize("target", ["help", "demo", "down", "check", "test", "bench", "lock"])
def test_make_has_the_target_and_explains_it(target: str) -> None:
    assert re.search(rf"^{target}:.* ## \S+", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_every_link_of_a_page_to_a_file_leads_somewhere(page: str) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / page).read_text())
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_the_readme_shows_the_commands_that_the_demonstration_ends_with() -> None:
    first = (ROOT / "README.md").read_text().split("```")[1]  # others show other programs
    shown = re.findall(r"^\$ (.*)", first, re.MULTILINE)
    assert shown == (ROOT / "demo" / "next").read_text().splitlines()


def test_no_source_file_is_longer_than_500_lines() -> None:
    assert SOURCES
    lengths = {path: len(path.read_text().splitlines()) for path in SOURCES}
    assert {str(path.relative_to(ROOT)): n for path, n in lengths.items() if n > 500} == {}


def test_every_file_of_tests_has_a_name_of_its_own() -> None:
    # pytest imports them by name, whatever directory they are in.
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(name for name, number in Counter(names).items() if number > 1) == []
