"""Why a member is out, in words, from what HAProxy prints of its last check."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evener.dataplane.haproxy import reasons, stats
from evener.dataplane.haproxy.model import Asked, Backend, Config, Server

HTTP = Asked("HTTP", "200,204")
NAMES = "# " + ",".join(["pxname", "svname", *map(str, range(2, 17)), "status", *map(str, range(18, 66))])


def table(status="DOWN", check="L4CON", code="", text="", name="m", moving=0):
    """What `show stat` prints of a server; `moving` is in all columns that change by themselves."""
    cells = ["p", name, *[str(moving)] * 64]
    quoted = '"' + text.replace('"', '""') + '"'
    cells[17], cells[36], cells[37], cells[56] = status, check, code, quoted
    return stats.rows(NAMES + "\n" + ",".join(cells) + "\n")


def config(asked=HTTP, *, pinged=False):
    server = Server("m", "10.0.0.1:80", 1, 1, checked=not pinged, pinged=pinged)
    return Config(backends=(Backend("p", (), (server,), asked=asked),))


def why(known, rows, wanted=None, *, frozen=False):
    return known.with_health(rows, config() if wanted is None else wanted, frozen=frozen)[1].get("m")


@pytest.mark.parametrize(
    ("check", "code", "text", "says"),
    [
        ("L4CON", "", "Connection refused", "connection refused"),
        ("L4CON", "", "No route to host", "no route to host"),
        ("L4CON", "", "", "no connection"),
        ("L4TOUT", "", "", "no connection in time"),
        ("L6RSP", "", "SSL handshake failure", "the TLS handshake fails (SSL handshake failure)"),
        ("L6TOUT", "", "", "no TLS handshake in time"),
        ("L7RSP", "", "anything the member says", "no valid answer"),
        ("L7TOUT", "", "", "no answer in time"),
        ("* L7TOUT", "", "", "no answer in time"),
        ("L7STS", "503", "Service Unavailable", "answered 503 instead of 200,204"),
        ("L7STS", "", "", "a wrong answer"),
        ("SOCKERR", "", "", "HAProxy gets no socket for it"),
        ("SOCKERR", "", "Cannot assign", "HAProxy gets no socket for it (Cannot assign)"),
        ("PROCERR", "1", "", "failed (PROCERR)"),
        ("PROCTOUT", "", "", "failed (PROCTOUT)"),
        ("HANA", "", "", "failed (HANA)"),
    ],
)
def test_a_failed_check_is_told_in_words(check, code, text, says):
    assert why(reasons.Reasons(), table(check=check, code=code, text=text)) == f"HTTP check: {says}"


@pytest.mark.parametrize(
    "check", ["", "INI", "* INI", "UNK", "CHECKED", "L4OK", "L6OK", "* L7OK", "L7OKC", "L7OKD", "PROCOK"]
)
def test_a_check_that_did_not_fail_says_nothing_and_leaves_what_was_said(check):
    known = reasons.Reasons()
    assert why(known, table(check=check, status="DOWN 1/2")) is None
    assert why(known, table(check="L4TOUT")) == "HTTP check: no connection in time"
    assert why(known, table(check=check, status="DOWN 1/2")) == "HTTP check: no connection in time"


def test_a_reason_stays_while_the_member_is_out_and_goes_with_it():
    known = reasons.Reasons()
    first = why(known, table(check="L7STS", code="503", moving=1))
    assert why(known, table(check="L7STS", code="500", moving=2)) == first
    assert why(known, table(check="L4CON", moving=3)) == first
    assert why(known, None) == reasons.NOT_RUNNING
    assert why(known, None, frozen=True) == reasons.NOT_ANSWERING
    assert why(known, table(check="INI")) == first
    for status in ("UP", "MAINT"):
        assert why(known, table(status=status, check="L7STS", code="503")) is None
        assert why(known, table(check="L4TOUT")) == "HTTP check: no connection in time"
    assert why(known, table(check="L4TOUT"), config(Asked("TCP"))) == "TCP check: no connection in time"


def test_who_is_pinged_answers_no_ping():
    known, pinged = reasons.Reasons(), config(Asked("PING"), pinged=True)
    assert why(known, table(check=""), pinged) == "PING: no answer"
    assert why(known, table(status="UP", check=""), pinged) is None


@given(
    st.text(max_size=300).filter(lambda text: "\n" not in text),
    st.sampled_from(["L4CON", "L6RSP", "L7STS", "SOCKERR", "L9XYZ"]),
    st.text(st.characters(exclude_characters=',"\n\r'), max_size=20),
)
def test_whatever_the_member_says_the_reason_is_short_harmless_and_says_something(text, check, code):
    reason = why(reasons.Reasons(), table(check=check, code=code, text=text))
    assert reason is not None
    assert reason.startswith("HTTP check: ")
    assert len(reason) <= 200
    assert set(reason) <= set(string.printable) - set("\t\n\r\x0b\x0c")
