"""What changes tables is done where it is not done yet; all else is left as it is."""

import pytest

from evener.store.repeatable import NotRepeatable, repeatable


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("\nCREATE TABLE a (\n\tid INT\n)", "CREATE TABLE IF NOT EXISTS a (\n\tid INT\n)"),
        ("CREATE INDEX ix_a ON a (id)", "CREATE INDEX IF NOT EXISTS ix_a ON a (id)"),
        ("CREATE UNIQUE INDEX ix_a ON a (id)", "CREATE UNIQUE INDEX IF NOT EXISTS ix_a ON a (id)"),
        ("DROP INDEX ix_a ON a", "DROP INDEX IF EXISTS ix_a ON a"),
        ("\nDROP TABLE a", "DROP TABLE IF EXISTS a"),
        ("ALTER TABLE a ADD COLUMN b INT", "ALTER TABLE a ADD COLUMN IF NOT EXISTS b INT"),
        ("ALTER TABLE a DROP COLUMN b", "ALTER TABLE a DROP COLUMN IF EXISTS b"),
        ("ALTER TABLE a ADD CONSTRAINT u UNIQUE (b)", "CREATE UNIQUE INDEX IF NOT EXISTS u ON a (b)"),
        ("DROP TABLE IF EXISTS a", "DROP TABLE IF EXISTS a"),
        ("ALTER TABLE a MODIFY b INT NOT NULL", "ALTER TABLE a MODIFY b INT NOT NULL"),
        ("INSERT INTO a VALUES ('\nDROP TABLE a')", "INSERT INTO a VALUES ('\nDROP TABLE a')"),
    ],
)
def test_a_change_is_made_where_it_is_not_made_yet(statement: str, expected: str) -> None:
    assert repeatable(statement) == expected


@pytest.mark.parametrize(
    "statement",
    ["ALTER TABLE a ADD CONSTRAINT f FOREIGN KEY(b) REFERENCES c (id)", "ALTER TABLE a DROP PRIMARY KEY"],
)
def test_what_nobody_has_made_repeatable_is_refused(statement: str) -> None:
    with pytest.raises(NotRepeatable):
        repeatable(statement)
