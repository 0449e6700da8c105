"""A message is one line of a log and no long one, whatever is in it; a traceback has lines of its own."""

import logging
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from evener.logs import LONGEST, LONGEST_TRACE, OneLine, escaped

FORMAT = OneLine(logging.Formatter("%(levelname)s %(message)s"))
HARMFUL = "\n\r\x0b\x0c\x1b\x85\u2028\u2029\u202e\u2066\u200b\ufeff\ud800\x00\x7f"
TEXT = st.text(st.one_of(st.characters(), st.sampled_from(HARMFUL)))


def line(message: str, *args: object) -> str:
    return FORMAT.format(logging.LogRecord("x", logging.INFO, "f", 1, message, args, None))


@given(TEXT)
def test_whatever_a_message_holds_it_is_one_line_that_shows_only_what_it_says(text: str) -> None:
    written = line("GET %s refused", text)
    assert len(written.splitlines()) == 1
    assert not any(unicodedata.category(each) in ("Cc", "Cs", "Zl", "Zp") for each in written)
    assert not set(written) & set(HARMFUL)
    written.encode()


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"])))
def test_what_harms_nobody_is_written_as_it_is(text: str) -> None:
    assert escaped(text) == text


def test_a_long_message_is_cut() -> None:
    assert len(line("%s", "x" * 250_000)) < LONGEST + 100


def test_an_error_s_text_ends_no_line_but_with_a_line_feed_and_is_cut() -> None:
    try:
        raise ValueError("a\rb\u2028c" + "x" * 100_000)
    except ValueError as error:
        record = logging.LogRecord("x", logging.ERROR, "f", 1, "failed", (), (type(error), error, None))
    written = FORMAT.format(record)
    assert written.splitlines() == written.split("\n")
    assert len(written) < LONGEST_TRACE + 100


def test_a_record_that_is_asked_for_twice_is_formatted_once_and_another_one_anew() -> None:
    asked: list[str] = []

    class Inner(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            asked.append(record.getMessage())
            return super().format(record)

    one_line = OneLine(Inner())
    first, second = (
        logging.LogRecord("x", logging.INFO, "f", 1, "%s\n", (number,), None) for number in (1, 2)
    )
    assert [one_line.format(each) for each in (first, first, second, first)] == [
        "1\\n",
        "1\\n",
        "2\\n",
        "1\\n",
    ]
    assert asked == ["1\\n", "2\\n", "1\\n"]
