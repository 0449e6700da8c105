"""What the documents name, links and files, is there; each decision has its page, and each page its place."""

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DESIGN = ROOT / "design"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *DESIGN.glob("*.md")])
PLACES = (ROOT, ROOT / "src", ROOT / "src" / "evener", ROOT / "src" / "evener_cloud")
DECISIONS = [page for page in DESIGN.glob("*.md") if "## Context" in page.read_text()]
PARTS = ["Context", "Choice", "What else was thought of", "What it costs"]


@cache
def headings(document: Path) -> list[str]:
    """Return the headings of a document, without the samples in it."""
    text = re.sub(r"^```.*?^```", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"^#+ (.+)$", text, re.MULTILINE)


def anchor(heading: str) -> str:
    """Return the anchor that readers of Markdown on the web make of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def links(document: Path) -> list[tuple[Path, str]]:
    """Return what a document links to here: files, each with an anchor or an empty one."""
    found = re.findall(r"\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]+))?\)", document.read_text())
    return [((document.parent / path).resolve() if path else document, name) for path, name in found]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    assert [str(path) for path, _ in links(document) if not path.exists()] == []
    lost = [
        f"{path.name}#{name}"
        for path, name in links(document)
        if name and name not in {anchor(heading) for heading in headings(path)}
    ]
    assert lost == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_that_is_named_is_there(document: Path) -> None:
    if document.name == "CHANGELOG.md":
        return  # what it names was there once
    named = re.findall(r"`([\w./-]+/\w+\.(?:py|md|toml))\b", document.read_text())
    there = {each for each in named if any((place / each).exists() for place in PLACES)}
    assert sorted({each for each in named if not each.startswith("/")} - there) == []


def test_every_decision_is_in_the_index() -> None:
    listed = [path.name for path, _ in links(DESIGN / "README.md") if path.parent == DESIGN]
    assert sorted(listed) == sorted(page.name for page in DESIGN.glob("*.md") if page.name != "README.md")


@pytest.mark.parametrize("page", DECISIONS, ids=lambda path: path.name)
def test_a_decision_says_what_there_was_to_decide_and_what_it_costs(page: Path) -> None:
    assert headings(page)[1:] == PARTS


def test_every_room_is_on_the_map() -> None:
    rows = re.findall(r"^\| `([\w/]+)/` \|", ARCHITECTURE.read_text().partition("## Rooms")[2], re.MULTILINE)
    packages = {path.parent.name for root in PLACES[2:] for path in root.glob("*/__init__.py")}
    assert sorted({row.partition("/")[0] for row in rows} & packages) == sorted(packages)


def test_the_map_is_short() -> None:
    assert len(ARCHITECTURE.read_text().split("\n")) < 250


def test_the_files_of_tests_that_are_said_to_take_long_are_there() -> None:
    lines = (ROOT / "tests" / "long_files.txt").read_text().splitlines()
    assert [
        line for line in lines if not re.fullmatch(r"\d+ \S+", line) or not (ROOT / line.split()[1]).exists()
    ] == []
