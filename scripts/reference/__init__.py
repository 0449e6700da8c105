"""Writes the reference from the code: manual pages, settings with a sample file, exit codes.

`scripts/describe` writes all of it anew, and tests compare. Must not say itself what the code says.
"""

from scripts.reference import commands, files, programs, settings
from scripts.reference.markup import MADE

MANUAL = """# Manual pages

Of every program, of the client's commands, and of files; that of settings is [evener.conf(5)](../configuration.md).
Packages install them; `make docs` makes them, of the same text as these.

"""


def documents() -> dict[str, str]:
    """Return the text of each file by its path below the root."""
    pages = {
        **programs.documents(commands.listing(), commands.output()),
        **commands.documents(),
        **files.documents(),
    }
    manual = sorted(path.removeprefix("docs/man/") for path in pages if path.startswith("docs/man/"))
    heads = {
        page: pages[f"docs/man/{page}"].partition("\n")[0].removeprefix("# ").partition(": ")
        for page in manual
    }
    listed = "".join(f"- [{name}]({page}): {summary}\n" for page, (name, _, summary) in heads.items())
    return {
        **settings.documents(),
        **pages,
        "docs/man/README.md": f"{MANUAL}{listed}\n{MADE}",
    }
