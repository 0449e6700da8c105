"""Which clients a worker knew, as text that the next one reads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evener.dataplane.haproxy import clients

SERVER = "00000000-0000-4000-8000-000000000010"


def table(*keys, shard=""):
    """What `show table` answers; the entries as HAProxy 2.6, or 3.0 with a `shard`, prints them."""
    entries = [
        f"0x55d50af51b{n:02x}: key={key} use=0 exp=10799{shard} server_id=5868 server_key={SERVER}\n"
        for n, key in enumerate(keys)
    ]
    return f"# table: pool, type: string, size:10240, used:{len(keys)}\n{''.join(entries)}\n"


def test_addresses_are_written_as_haproxy_compares_them():
    text = table("::ffff:10.0.0.1", "2001:db8::1", shard=" shard=0").replace("string", "ipv6")
    assert clients.of_table(text, "ipv6") == {"10.0.0.1": SERVER, "2001:db8::1": SERVER}


@pytest.mark.parametrize(
    ("printed", "value"),
    [
        ("Zm9v\\=\\=", b"Zm9v=="),
        ("a\\ \\\\x41\\x41", b"a \\x41A"),
        ("#\\n\\xE9t", b"#\n\xe9t"),
        ("\\\\n", b"\\n"),
    ],
)
def test_a_cookies_value_is_written_in_a_way_that_any_line_can_hold(printed, value):
    assert clients.of_table(table(printed), "string") == {value.hex().upper(): SERVER}


def test_an_entry_without_a_server_is_left_out():
    assert clients.of_table("0x1: key=a use=0 exp=5 server_id=0\n", "string") == {}


@given(st.dictionaries(st.text("abc=/+:.#", min_size=1), st.text("0123-", min_size=1)))
def test_a_map_says_what_it_was_made_from(known):
    assert clients.of_map(clients.to_map(known)) == known


def test_a_table_of_another_type_says_nothing():
    assert clients.of_table(table("a"), "ipv6") == {}
