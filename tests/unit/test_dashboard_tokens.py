"""A token that ends is another before it does, for all sessions of a dashboard that is somebody's own."""

from datetime import UTC, datetime, timedelta

import pytest

from evener.dashboard.cloud import Login
from evener.dashboard.own import Unusable, check_address
from evener.dashboard.sessions import Sessions


def login(token: str, minutes: int) -> Login:
    ends = datetime.now(UTC) + timedelta(minutes=minutes)
    return Login(token, "u", "p", "i", frozenset(), {}, ends)


def test_all_sessions_go_on_with_the_new_token() -> None:
    sessions = Sessions(3600)
    one, other = (sessions.begin(login("old", 1)) for _ in range(2))
    sessions.end(other)
    sessions.renew(login("new", 60))
    assert one.login.token == "new"
    assert sessions.find(one.key) is one
    assert sessions.find(other.key) is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", "", "127.0.0.1.example.org"])
def test_only_loopback_is_nobody_elses(host: str) -> None:
    with pytest.raises(Unusable, match="bind_host"):
        check_address(host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.9", "::1", "localhost"])
def test_loopback_is(host: str) -> None:
    check_address(host)
