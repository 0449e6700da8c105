"""docs/octavia.md says how the same objects look in both APIs; the dialects decide it."""

from pathlib import Path

import dialect_table

PAGE = Path(__file__).parents[2] / "docs" / "octavia.md"


def test_the_page_has_the_table_of_the_dialects() -> None:
    assert f"<!-- attributes -->\n\n{dialect_table.attributes()}\n\n<!-- /attributes -->" in PAGE.read_text()
