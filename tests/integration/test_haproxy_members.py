"""What a member has besides an address and a weight: when it is asked at all, and where its health is."""

import pytest

import haproxy_graphs as g
from evener.dataplane.haproxy.plan import AddServer, Reload, RemoveServer
from haproxy_peers import Listening
from haproxy_rig import VIP, Rig, Shop, member_of
from waiting import eventually

pytestmark = [pytest.mark.root, pytest.mark.each_haproxy]


def every_second(**given):
    return g.monitor(**{"type": "HTTP", "delay": 1, "max_retries": 1} | given)


def test_backup_members_are_asked_only_while_all_others_are_out_and_then_all_of_them(rig: Rig) -> None:
    shop = Shop(rig)
    shop.webs.append(rig.web("w3", address="127.0.2.3"))
    shop.members.append(member_of(shop.webs[2], id=g.nth(12), backup=True))
    shop.change(1, backup=True)
    shop.monitor = every_second()
    shop.apply()
    assert rig.spread(12) == {"w1": 12}
    shop.webs[0].status = 503
    eventually(lambda: rig.health()[g.nth(10)] == "OFFLINE")
    assert rig.spread(12) == {"w2": 6, "w3": 6}
    shop.webs[0].status = 200
    eventually(lambda: rig.health()[g.nth(10)] == "ONLINE")
    assert rig.spread(12) == {"w1": 12}


def test_a_backup_member_joins_and_leaves_without_a_reload(rig: Rig) -> None:
    shop = Shop(rig)
    last = shop.members.pop()
    shop.apply()
    shop.members.append(last.model_copy(update={"backup": True}))
    assert shop.apply() == [AddServer]
    assert rig.spread(6) == {"w1": 6}
    shop.change(0, admin_state_up=False)
    shop.apply()
    assert rig.spread(6) == {"w2": 6}
    shop.change(0, admin_state_up=True)
    shop.members.pop()
    assert RemoveServer in shop.apply()
    assert rig.spread(6) == {"w1": 6}


@pytest.mark.parametrize("joins", [False, True], ids=["from the start", "at run time"])
@pytest.mark.parametrize("type_", ["TCP", "HTTP"])
@pytest.mark.parametrize("address", ["127.0.2.9", "::1"])
def test_health_is_asked_where_the_member_says_and_traffic_goes_where_it_is(
    rig: Rig, joins: bool, type_: str, address: str
) -> None:
    shop = Shop(rig)
    shop.members.pop()
    elsewhere = rig.web("health", address=address)
    shop.monitor = every_second(type=type_)
    if joins:
        shop.members.clear()
        shop.apply()
        shop.members.append(member_of(shop.webs[0], id=g.nth(10)))
    shop.change(0, monitor_address=address, monitor_port=elsewhere.port)
    assert (shop.apply() == [AddServer]) is joins
    eventually(lambda: rig.health()[g.nth(10)] == "ONLINE")
    assert rig.spread(3) == {"w1": 3}
    if type_ == "HTTP":
        eventually(lambda: len(elsewhere.checks()) > 1)
        assert not shop.webs[0].checks()
    elsewhere.stop()
    eventually(lambda: rig.health()[g.nth(10)] == "OFFLINE")
    elsewhere.stop = lambda: None  # type: ignore[method-assign]


def test_another_place_of_health_holds_after_the_reload_that_it_costs(rig: Rig) -> None:
    shop = Shop(rig)
    shop.members.pop()
    first, second = rig.web("a", address="127.0.2.8"), rig.web("b", address="127.0.2.9")
    shop.monitor = every_second()
    for web in (first, second):
        shop.change(0, monitor_address=web.address, monitor_port=web.port)
        shop.apply()
        eventually(lambda: len(web.checks()) > 1)  # noqa: B023
    shop.change(0, monitor_address=None, monitor_port=None)
    assert shop.apply() == [Reload]
    eventually(lambda: len(shop.webs[0].checks()) > 1)


REQUESTS = [
    ({}, b"GET / HTTP/1.0\r\n", None),
    ({"http_version": "1.0"}, b"GET / HTTP/1.0\r\n", None),
    ({"http_version": "1.1"}, b"GET / HTTP/1.1\r\n", VIP),
    ({"http_version": "1.1", "domain_name": "web.example"}, b"GET / HTTP/1.1\r\n", "web.example"),
]


@pytest.mark.parametrize(("given", "start", "host"), REQUESTS)
def test_a_check_speaks_the_version_and_names_the_host_that_the_monitor_says(
    rig: Rig, given: dict[str, str], start: bytes, host: str | None
) -> None:
    member = Listening(rig)
    pool = g.pool()
    nodes = [(pool, [member_of(member, id=g.nth(10))], every_second(**given))]
    rig.instance.apply(
        g.graph(id=g.nth(1), listeners=[g.listener(default_pool_id=pool.id)], pools=nodes, addresses=[VIP])
    )
    heard = eventually(lambda: member.said(start))[0].text.lower()
    assert (b"\r\nhost: " in heard) is (host is not None)
    if host is not None:
        assert b"\r\nhost: " + host.encode() + b"\r\n" in heard
    eventually(lambda: rig.health()[g.nth(10)] == "ONLINE")


def test_a_delay_and_a_timeout_of_nothing_are_the_least_that_there_is(rig: Rig) -> None:
    shop = Shop(rig)
    shop.monitor = every_second().model_copy(update={"delay": 0, "timeout": 0})
    shop.apply()
    eventually(lambda: len(shop.webs[0].checks()) >= 2)
    eventually(lambda: rig.health()[g.nth(10)] == "ONLINE")
    shop.webs[0].status = 500
    eventually(lambda: rig.health()[g.nth(10)] == "OFFLINE")
