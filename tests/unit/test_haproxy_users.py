"""Which user each load balancer's HAProxy runs as."""

import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import haproxy_graphs as g
from evener.dataplane.base import Misconfigured
from evener.dataplane.haproxy import users
from evener.dataplane.haproxy.render import render
from evener.dataplane.haproxy.settings import Settings


@pytest.mark.parametrize(
    "text", ["1", "a-b", "5-9", "2000-1999", "1000-2147483648", "-5", "1000-", "1000--2000"]
)
def test_what_is_no_range_of_users_or_has_the_systems_own_is_refused_by_the_settings_name(text: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        users.parse(text)
    assert f"[haproxy] uids = {text}" in str(caught.value)


def test_a_range_may_be_one_user_and_nothing_is_none() -> None:
    assert users.parse("1879048192-2147483647") == range(1879048192, 2147483648)
    assert users.parse("1000-1000") == range(1000, 1001)
    assert users.parse("") is None


def directories(parent: Path, number: int) -> list[Path]:
    found = [parent / g.nth(each) for each in range(number)]
    for each in found:
        each.mkdir()
    return found


@given(order=st.permutations(range(8)), dropped=st.sets(st.integers(0, 7)))
def test_no_two_have_the_same_each_keeps_its_own_and_who_leaves_makes_room(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], dropped: set[int]
) -> None:
    tmp_path = tmp_path_factory.mktemp("v2")
    uids, all_of_them = range(2000, 2008), directories(tmp_path, 9)
    given_ = {each: users.give(all_of_them[each], uids) for each in order}
    assert sorted(given_.values()) == [*uids]
    for again in range(2):
        if again:  # another agent, which has nothing but the files
            users._taken.clear()
        assert {each: users.give(all_of_them[each], uids) for each in order} == given_
        with pytest.raises(Misconfigured, match="all 8 are taken"):
            users.give(all_of_them[8], uids)
    for each in dropped:
        users.leave(all_of_them[each])
        (all_of_them[each] / users.NAME).unlink()
    if dropped:
        assert users.give(all_of_them[8], uids) in {given_[each] for each in dropped}


def test_who_has_a_user_of_another_range_gets_one_of_this(tmp_path: Path) -> None:
    (directory,) = directories(tmp_path, 1)
    assert users.give(directory, range(2000, 2001)) == 2000
    assert users.give(directory, range(3000, 3001)) == 3000 == users.of(directory)


def test_a_container_without_such_users_has_them_run_as_one_and_says_so(
    tmp_path, monkeypatch, caplog
) -> None:
    uids = range(2000, 3000)
    for text, there in (
        ("0 0 4294967295", True),
        ("0 100000 3000\n", True),
        ("0 100000 2999\n", False),
        ("", True),
    ):
        caplog.clear()
        (tmp_path / "uid_map").write_text(text)
        monkeypatch.setattr(users, "_OWN", tmp_path / "uid_map")
        assert users.usable(uids) == (uids if there else None)
        assert [each.levelno for each in caplog.records] == ([] if there else [logging.WARNING])


def test_a_number_of_its_own_takes_the_place_of_the_users_name() -> None:
    graph = g.graph(listeners=[g.listener()])
    assert "\n    user haproxy\n" in render(graph, Path("/x"), Settings()).text
    own = render(graph, Path("/x"), Settings(uid=1879048192)).text
    assert "\n    uid 1879048192\n    group haproxy\n" in own
    assert "user haproxy" not in own
