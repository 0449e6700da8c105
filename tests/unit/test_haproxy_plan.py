"""What leads from one configuration to another, without a HAProxy."""

import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import haproxy_graphs as g
from evener.dataplane.haproxy.commands import commands
from evener.dataplane.haproxy.model import UNKNOWN, Config
from evener.dataplane.haproxy.plan import (
    AddServer,
    Reload,
    RemoveServer,
    SetLimit,
    SetState,
    SetWeight,
    Start,
    Stop,
    plan,
)
from evener.dataplane.haproxy.render import render
from evener.dataplane.haproxy.settings import Settings

DIR = Path("/var/lib/evener/lbaas/v2/lb")
M1, M2 = g.nth(1), g.nth(2)


def rendered(graph) -> Config:
    return render(graph, DIR, Settings())


def neighbour(graph, r):
    """The same graph with other members: some gone, some new, some changed."""
    nodes = []
    for node in graph.pools:
        members = [g.random_member(r) for _ in range(r.randrange(3))]
        for member in node.members:
            weight = member.model_copy(update={"weight": r.randint(0, 256)})
            state = member.model_copy(update={"admin_state_up": not member.admin_state_up})
            members += r.choice([[], [member], [weight], [state]])
        nodes.append(node.model_copy(update={"members": tuple(members)}))
    return g.altered(graph, pools=tuple(nodes))


def after(running: Config | None, steps, wanted: Config) -> Config | None:
    """What an abstract HAProxy runs after `steps`; servers in a canonical order."""
    for step in steps:
        match step:
            case Start() | Reload():
                running = wanted
            case Stop():
                running = None
            case _:
                running = replace(running, backends=tuple(changed(each, step) for each in running.backends))
    return running


def changed(backend, step):
    if backend.name != step.backend:
        return backend
    servers = dict(backend.servers_by_name)
    match step:
        case AddServer(_, server):
            assert server.name not in servers
            servers[server.name] = server
        case RemoveServer(_, name):
            del servers[name]
        case SetWeight(_, name, weight, _):
            servers[name] = replace(servers[name], weight=weight)
        case SetState(_, name, enabled):
            servers[name] = replace(servers[name], enabled=enabled)
    return replace(backend, servers=tuple(servers[name] for name in sorted(servers)))


@settings(max_examples=100, deadline=None)
@given(g.graphs())
def test_what_runs_already_needs_no_step(graph):
    config = rendered(graph)
    assert plan(config if config.frontends else None, config) == ()


@settings(max_examples=200, deadline=None)
@given(g.graphs(), st.integers(0, 2**32))
def test_the_steps_between_neighbours_lead_to_what_is_wanted(graph, seed):
    running, wanted = rendered(graph), rendered(neighbour(graph, random.Random(seed)))
    if not running.frontends:
        return
    assert after(running, plan(running, wanted), wanted) == wanted


@settings(max_examples=100, deadline=None)
@given(g.graphs(), g.graphs())
def test_the_steps_between_any_two_lead_to_what_is_wanted(one, other):
    running, wanted = rendered(one), rendered(other)
    steps = plan(running if running.frontends else None, wanted)
    end = after(running if running.frontends else None, steps, wanted)
    assert end == (wanted if wanted.frontends else None)


@settings(max_examples=50, deadline=None)
@given(g.graphs())
def test_what_cannot_be_told_is_reloaded(graph):
    wanted = rendered(graph)
    assert plan(UNKNOWN, wanted) == ((Reload(),) if wanted.frontends else (Stop(),))


def two_members(**pool):
    pool = g.pool(**pool)
    members = [g.member(id=M1), g.member(id=M2)]
    listener = g.listener(default_pool_id=pool.id)

    def build(*members):
        return rendered(g.graph(id=g.nth(9), listeners=[listener], pools=[(pool, members, g.monitor())]))

    return pool.id, members, build


def test_weights_and_admin_states_change_at_run_time():
    pool, (one, two), build = two_members()
    wanted = build(one.model_copy(update={"weight": 9}), two.model_copy(update={"admin_state_up": False}))
    steps = plan(build(one, two), wanted)
    assert steps == (SetWeight(pool, M1, 9, enabled=True), SetState(pool, M2, enabled=False))
    assert commands(steps[1]) == (f"set server {pool}/{M2} state maint",)


def test_a_new_server_is_checked_and_put_into_service():
    pool, (one, two), build = two_members()
    (step,) = plan(build(one), build(one, two))
    add, health, ready = commands(step)
    assert add.startswith(f"add server {pool}/{M2} 127.0.0.1:80 source 0.0.0.0 id ")
    assert add.endswith("weight 1 check inter 1s fall 1 rise 1")
    assert (health, ready) == (f"enable health {pool}/{M2}", f"set server {pool}/{M2} state ready")


def test_a_member_of_a_pool_that_sets_cookies_joins_at_run_time():
    _, (one, two), build = two_members(session_persistence={"type": "HTTP_COOKIE"})
    (step,) = plan(build(one), build(one, two))
    assert isinstance(step, AddServer)


def test_members_are_added_before_others_go():
    _, (one, two), build = two_members()
    assert [type(step) for step in plan(build(one), build(two))] == [AddServer, RemoveServer]


def test_a_changed_monitor_needs_a_reload():
    pool = g.pool()
    listener, member = g.listener(default_pool_id=pool.id), g.member()
    one, other = (
        rendered(
            g.graph(id=g.nth(9), listeners=[listener], pools=[(pool, [member], g.monitor(max_retries=n))])
        )
        for n in (1, 2)
    )
    assert plan(one, other) == (Reload(),)


def limited(limit: int) -> Config:
    return rendered(g.graph(id=g.nth(9), listeners=[g.listener(id=g.nth(8), connection_limit=limit)]))


@pytest.mark.parametrize(
    ("version", "raised"),
    [
        ((2, 6, 12), Reload()),
        ((2, 6, 20), SetLimit(g.nth(8), 6)),
        ((2, 7, 14), Reload()),
        ((2, 8, 11), Reload()),
        ((2, 8, 12), SetLimit(g.nth(8), 6)),
        ((3, 0, 5), Reload()),
        ((3, 0, 11), SetLimit(g.nth(8), 6)),
        ((3, 2, 0), SetLimit(g.nth(8), 6)),
    ],
)
def test_a_limit_is_raised_at_run_time_by_versions_that_survive_it_only(version, raised):
    raises_limits = Settings(version=version).raises_limits
    assert plan(limited(5), limited(6), raises_limits=raises_limits) == (raised,)
    assert plan(limited(5), limited(4), raises_limits=raises_limits) == (SetLimit(g.nth(8), 4),)
