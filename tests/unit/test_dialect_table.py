"""docs/octavia.md says how the same objects look in both APIs; the dialects decide it."""

import dialect_table


def test_the_page_has_the_tables_of_the_dialects() -> None:
    text = dialect_table.PAGE.read_text()
    assert dialect_table.written(text) == text, "PYTHONPATH=tests .venv/bin/python -m dialect_table"
