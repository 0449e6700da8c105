"""What evens out where load balancers are: whatever the hosts and their failure domains."""

from collections import Counter
from dataclasses import replace
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from evener.cli.places import Move, Place, domains_of, evening, full, loads, places_of

HOSTS = [f"host-{number}" for number in range(5)]


@st.composite
def sites(draw: st.DrawFn) -> tuple[list[Place], dict[str, str]]:
    """Draw hosts with their domains, and load balancers of some load on one of them, or on two of different domains."""
    weights = st.just(1.0) | st.integers(100, 400).map(lambda each: each / 100)
    hosts = HOSTS[: draw(st.integers(1, 5))]
    domains = {host: draw(st.sampled_from(["rack 1", "rack 2", host])) for host in hosts}
    places = []
    for number in range(draw(st.integers(0, 20))):
        first = draw(st.sampled_from(HOSTS))  # some on hosts that are not to be touched
        apart = [each for each in hosts if domains[each] != domains.get(first, first)]
        if apart and draw(st.booleans()):
            second = draw(st.sampled_from(apart))
            places.append(Place(f"{number}b", f"lb-{number}", second, "BACKUP", draw(weights)))
            places.append(Place(f"{number}a", f"lb-{number}", first, "MASTER", draw(weights)))
        else:
            places.append(Place(f"{number}a", f"lb-{number}", first, load=draw(weights)))
    return places, domains


def after(places: list[Place], moves: list[Move]) -> list[Place]:
    now = {each.id: each for each in places}
    for move in moves:
        now[move.place.id] = replace(now[move.place.id], host=move.to)
    return list(now.values())


@given(sites())
def test_moves_end_and_keep_two_apart_and_touch_no_other_host(
    site: tuple[list[Place], dict[str, str]],
) -> None:
    places, domains = site
    moves = list(evening(places, domains))
    assert len(moves) <= 10 * len(places) * len(places)
    now = after(places, moves)
    for loadbalancer in {each.loadbalancer for each in now}:
        where = [domains.get(each.host, each.host) for each in now if each.loadbalancer == loadbalancer]
        assert len(set(where)) == len(where)
    untouched = [each for each in places if each.host not in domains]
    assert all(each in now for each in untouched)


@given(sites())
def test_afterwards_no_move_would_take_a_load_balancer_more_from_one_than_the_other_gets(
    site: tuple[list[Place], dict[str, str]],
) -> None:
    places, domains = site
    now = after(places, list(evening(places, domains)))
    load = loads(now, domains)
    for place, to in product(now, domains):
        others = [each for each in now if each.loadbalancer == place.loadbalancer and each is not place]
        if place.host in domains and all(domains.get(each.host) != domains[to] for each in others):
            assert load[place.host] - load[to] < place.load + 1


@given(sites(), st.frozensets(st.sampled_from(HOSTS)))
def test_hosts_without_memory_get_nothing(
    site: tuple[list[Place], dict[str, str]], none: frozenset[str]
) -> None:
    places, domains = site
    assert not {each.to for each in evening(places, domains, full=none)} & none


@given(st.integers(0, 40), st.integers(1, 5))
def test_where_nothing_is_in_the_way_hosts_differ_by_one_at_most(number: int, hosts: int) -> None:
    domains = {host: host for host in HOSTS[:hosts]}
    places = [Place(str(each), f"lb-{each}", HOSTS[0]) for each in range(number)]
    moves = list(evening(places, domains))
    count = Counter(each.host for each in after(places, moves))
    assert not number or max(count.values()) - min(count[host] for host in domains) <= 1
    assert len(moves) == sum(count[host] for host in domains if host != HOSTS[0])  # each is moved once


@given(sites())
def test_what_is_even_stays_and_so_does_what_cannot_be_moved(
    site: tuple[list[Place], dict[str, str]],
) -> None:
    places, domains = site
    assert not list(evening(after(places, list(evening(places, domains))), domains))
    assert not list(evening(places, domains, {each.loadbalancer for each in places}))


def test_who_stands_by_is_moved_rather_than_who_serves() -> None:
    domains = {host: host for host in HOSTS[:3]}
    places = [
        Place("1", "lb-1", HOSTS[0]),
        Place("2", "lb-2", HOSTS[0], "MASTER"),
        Place("3", "lb-2", HOSTS[1], "BACKUP"),
        Place("4", "lb-3", HOSTS[0], "BACKUP"),
        Place("5", "lb-3", HOSTS[1], "MASTER"),
    ]
    assert next(iter(evening(places, domains))) == Move(places[3], HOSTS[2])


def test_agents_that_are_dead_or_get_none_do_not_count() -> None:
    agents = [
        {"host": "a", "alive": True, "admin_state_up": True, "configurations": {"failure_domain": "rack 1"}},
        {"host": "b", "alive": True, "admin_state_up": True, "configurations": {}},
        {"host": "c", "alive": False, "admin_state_up": True},
        {"host": "d", "alive": True, "admin_state_up": False},
    ]
    assert domains_of(agents) == {"a": "rack 1", "b": "b"}
    shown = {"id": "1", "loadbalancer_id": "2", "lb_network_ip": "a", "role": "MASTER"}
    assert places_of([shown]) == [Place("1", "2", "a", "MASTER")], "of a server that tells no load"
    assert places_of([{**shown, "load": 1.5}]) == [Place("1", "2", "a", "MASTER", 1.5)]


def test_a_host_is_full_that_says_it_has_hardly_any_memory_left() -> None:
    left = {"a": 0.05, "b": 0.5, "c": None, "none at all": 0.0}
    said = {"d": None, **{host: {"memory_left": part} for host, part in left.items()}}
    agents = [{"host": host, "configurations": {"load": load}} for host, load in said.items()]
    assert full([*agents, {"host": "e", "configurations": None}, {"host": "f"}]) == {"a", "none at all"}
    odd = ("much", [1], 7, *({"memory_left": part} for part in ("none", [0], {}, float("nan"), 10**400)))
    assert not full([{"host": "a", "configurations": {"load": load}} for load in odd])
    assert not full([{"host": "a", "configurations": "none"}])
