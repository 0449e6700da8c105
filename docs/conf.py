"""How the documents become a site and manual pages: `make docs` (design/reference.md).

Their places stay what they are in the repository, so that links between them are the same on a forge and on the site.
"""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

ROOT = Path(__file__).parents[1]
# Pages that list others, each of which is thereby below them.
LISTS = ("docs/README", "docs/handbook/README", "docs/man/README", "design/README")
ITEM, LINK = re.compile(r"^- .+$", re.MULTILINE), re.compile(r"\]\((?!\w+:)([^)#]+\.md)\)")

project = "Evener"
author = "The Evener maintainers"
release = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
extensions = ["myst_parser"]
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 4
smartquotes = False  # they make one dash of the two before an option
root_doc = LISTS[0]
include_patterns = ["*.md", "docs/**.md", "design/**.md"]
exclude_patterns = [
    ".*",
    "bench",
    "build",
    "cloud",
    "demo",
    "dist",
    "neutron-plugin",
    "packaging",
    "scripts",
    "src",
    "tests",
]
html_title = f"Evener {release}"
html_theme_options = {
    "page_width": "1100px",
    "sidebar_width": "260px",
    "description": "Load balancing as a service",
}
html_show_copyright = False
html_copy_source = False


def _manual() -> Iterator[tuple[str, str, str, str, int]]:
    """Yield where each manual page comes from, its name, what it is, its authors and its section."""
    pages = [ROOT / "docs" / "configuration.md", *(ROOT / "docs" / "man").glob("*.[0-9].md")]
    for page in sorted(pages):
        head = re.match(r"# ([\w.-]+)\((\d)\): (.+)", page.read_text())
        if head is None:
            raise ValueError(f"{page} begins with no name, section and summary")
        yield str(page.relative_to(ROOT).with_suffix("")), head[1], head[3], "", int(head[2])


man_pages = [*_manual()]


def _with_contents(_app: Sphinx, name: str, source: list[str]) -> None:
    """Say of a list of pages that these are below it, under the headings that they are under in it."""
    if name not in LISTS:
        return
    for part in re.split(r"^## ", source[0], flags=re.MULTILINE):
        heading, _, text = part.partition("\n")
        if pages := "\n".join(dict.fromkeys(LINK.findall("\n".join(ITEM.findall(text))))):
            caption = f":caption: {heading}\n" if name == root_doc else ""
            source[0] += f"\n\n```{{toctree}}\n:hidden:\n{caption}\n{pages}\n```\n"


def _without_links(app: Sphinx, tree: nodes.document, _name: str) -> None:
    """Leave of a link to another document its text, in a manual page."""
    if app.builder.name == "man":
        for link in [*tree.findall(nodes.reference)]:
            if "://" not in link.get("refuri", ""):
                link.replace_self(link.children)


def setup(app: Sphinx) -> None:
    """Have lists of pages, and links, looked at."""
    app.connect("source-read", _with_contents)
    app.connect("doctree-resolved", _without_links)
