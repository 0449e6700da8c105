"""Requests that nobody means well with, generated: bodies that are nearly right, paths and queries that are not."""

from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import quote_from_bytes, urlencode

from hypothesis import strategies as st

NOTHING: Mapping[str, Any] = {}
METHODS = ["GET", "GET", "GET", "POST", "POST", "POST", "PUT", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"]
HEADERS = ("X-Auth-Token", "Content-Type", "Accept", "Host", "Range")
VALUES = ("", "x", "é", "-1", "9" * 99, "a/b;q=x", "*/*", "text/html", ":", "[::1", "bytes=5-")
TEXTS = st.text(max_size=20) | st.sampled_from(
    [
        "",
        "\x00",
        "\ud800",
        "x" * 300,
        "1",
        "-1",
        "true",
        "10.0.0.5",
        "::1",
        "10.0.0.0/24",
        "HTTP",
        "TCP",
        "é",
        "%",
    ]
)
SCALARS: Any = (
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.sampled_from([10**400, 2**31, 80])
)
odd = st.integers(0, 4).map(lambda number: number == 0)


def json_of(names: Collection[str]) -> Any:
    """Return any JSON, in which these names are often those of values."""
    return st.recursive(
        SCALARS,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.text(max_size=5) | st.sampled_from(sorted(names)), inner, max_size=3)
        ),
        max_leaves=8,
    )


@st.composite
def bodies(
    draw: Any, kind: str, right: Mapping[str, Any], names: Collection[str], below: Mapping[str, Any] = NOTHING
) -> Any:
    """Return a body for a `kind` that has such `names`: `right` values, but for some that are anything.

    `below` are values that are nearly right, by the names of what holds them.
    """
    anything = json_of(names)
    if draw(st.integers(0, 9)) == 0:
        return draw(anything)
    content = dict(right)
    for name in draw(st.lists(st.sampled_from(sorted({*names, *below})), max_size=2)):
        content[name] = draw(below.get(name, anything) if draw(st.booleans()) else anything)
    if content and draw(odd):
        content.pop(draw(st.sampled_from(sorted(content))))
    return {kind: content}


def encoded(text: str) -> str:
    """Return any text as a part of a path."""
    return quote_from_bytes(text.encode("utf-8", "surrogatepass"), safe="")


@st.composite
def queries(draw: Any, names: Collection[str], values: Collection[str]) -> str:
    """Return a query string of parameters, most of them with such names and many with such values."""
    keys = st.sampled_from([*sorted(names), "created_at", "generation", "nonsense"]) | TEXTS
    odd_ones = ("asc", "desc", "9" * 50, "fixed_ips", "ip_address=10.0.0.1", "a,b", ",", "a:desc")
    texts = TEXTS | st.sampled_from([*sorted(values), *odd_ones])
    return urlencode(draw(st.lists(st.tuples(keys, texts), max_size=4)), errors="surrogatepass")
