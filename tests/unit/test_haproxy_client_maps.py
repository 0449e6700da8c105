"""Which clients a worker knew, as text that the next one reads."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from evener.dataplane.haproxy import client_map_format

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
    assert client_map_format.of_table(text, "ipv6") == {"10.0.0.1": SERVER, "2001:db8::1": SERVER}


def test_only_digests_of_cookies_are_taken_over_and_not_the_cookies_of_an_earlier_version():
    digest = hashlib.sha256(b"a").hexdigest().upper()
    text = table("Zm9v\\=\\=", digest, "a\\ \\\\x41\\x41", digest[:-1])
    assert client_map_format.of_table(text, "string") == {digest: SERVER}


def test_a_map_has_no_more_clients_than_it_may_and_the_latest():
    known = {str(number): SERVER for number in range(client_map_format.MOST + 10)}
    kept = client_map_format.of_map(client_map_format.to_map(known))
    assert [*kept] == [*known][10:]


def test_an_entry_without_a_server_is_left_out():
    assert client_map_format.of_table("0x1: key=a use=0 exp=5 server_id=0\n", "string") == {}


@given(st.dictionaries(st.text("abc=/+:.#", min_size=1), st.text("0123-", min_size=1)))
def test_a_map_says_what_it_was_made_from(known):
    assert client_map_format.of_map(client_map_format.to_map(known)) == known


def test_a_table_of_another_type_says_nothing():
    assert client_map_format.of_table(table("a"), "ipv6") == {}
