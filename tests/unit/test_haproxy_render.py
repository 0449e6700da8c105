"""What a graph says in HAProxy's words, without a HAProxy."""

import shlex
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import haproxy_graphs as g
from evener.dataplane.haproxy.errors import Unrenderable
from evener.dataplane.haproxy.plan import Reload, plan
from evener.dataplane.haproxy.quoting import word
from evener.dataplane.haproxy.render import render
from evener.dataplane.haproxy.settings import Settings
from evener.resources.graph import Graph, PoolNode
from evener.resources.pool import SessionPersistence
from evener.resources.types import L7CompareType, L7RuleType

DIR = Path("/var/lib/evener/lbaas/v2/lb")
SETTINGS = Settings()
PIECES = [*"\n\r\t #\"'\\$,(){}a0", "\n    server x 1.2.3.4:5", "\nbackend x", "é", "\x7f"]
HOSTILE = st.lists(st.sampled_from(PIECES), min_size=1, max_size=12).map("".join)


def sections(text: str) -> list[list[str]]:
    found: list[list[str]] = []
    for line in text.splitlines():
        if line and not line.startswith(" "):
            found.append([line])
        elif line:
            found[-1].append(line.strip())
    return found


def section(text: str, head: str) -> list[str]:
    return next(lines[1:] for lines in sections(text) if lines[0] == head)


def text_of(graph: Graph, **given) -> str:
    return render(graph, DIR, Settings(**given)).text


@settings(max_examples=100, deadline=None)
@given(g.graphs())
def test_the_same_graph_gives_the_same_text_in_whatever_order_its_parts_come(graph):
    turned = graph.model_copy(
        update={
            "listeners": graph.listeners[::-1],
            "pools": graph.pools[::-1],
            "l7policies": graph.l7policies[::-1],
        },
        deep=False,
    )
    turned = Graph.model_validate_json(turned.model_dump_json())
    assert text_of(graph) == text_of(turned)


@settings(max_examples=100, deadline=None)
@given(g.graphs())
def test_there_is_a_section_for_each_listener_and_pool_in_service_and_a_line_for_each_member(graph):
    text = text_of(graph)
    listeners = {each.id for each in graph.listeners if each.admin_state_up}
    if not graph.loadbalancer.admin_state_up:
        listeners = set()
    pools = {n.pool.id: n for n in graph.pools if n.pool.admin_state_up} if listeners else {}
    heads = {lines[0] for lines in sections(text)} - {"peers workers"}
    expected = {f"frontend {each}" for each in listeners} | {f"backend {each}" for each in pools}
    second = {each for each in heads if each.endswith("-tcp")}
    assert heads - second == {"global", "defaults"} | expected
    for each in second:
        pool = pools[each.removeprefix("backend ").removesuffix("-tcp")]
        assert pool.pool.protocol in ("PROXY", "PROXYV2")
    for pool_id, node in pools.items():
        servers = {
            line.split()[1] for line in section(text, f"backend {pool_id}") if line.startswith("server ")
        }
        assert servers == {member.id for member in node.members}


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(L7RuleType), st.sampled_from(L7CompareType), HOSTILE, HOSTILE, HOSTILE)
def test_no_text_of_a_policy_adds_a_line(kind, compare, key, value, url):
    def build(key, value, url):
        rule = g.rule(id=g.nth(5), type=kind, compare_type=compare)
        policy = g.policy(listener_id=g.nth(3), action="REDIRECT_TO_URL", redirect_url="http://x/")
        policy = policy.model_copy(
            update={
                "policy": policy.policy.model_copy(update={"redirect_url": url}),
                "rules": (rule.model_copy(update={"key": key, "value": value}),),
            }
        )
        return g.graph(id=g.nth(4), listeners=[g.listener(id=g.nth(3))], l7policies=[policy])

    tame, wild = text_of(build("k", "v", "http://x/")), text_of(build(key, value, url))
    assert len(tame.splitlines()) == len(wild.split("\n")) - 1
    assert wild.count("location") == 1


@settings(max_examples=200, deadline=None)
@given(HOSTILE, HOSTILE, HOSTILE, HOSTILE)
def test_no_text_adds_a_line_or_a_section(name, cookie, path, address):
    def build(name, cookie, path, address):
        persistence = SessionPersistence.model_construct(type="APP_COOKIE", cookie_name=cookie)
        pool = g.pool(id=g.nth(1)).model_copy(update={"name": name, "session_persistence": persistence})
        monitor = g.monitor(type="HTTP").model_copy(update={"url_path": path, "expected_codes": path})
        member = g.member(id=g.nth(2)).model_copy(update={"address": address, "name": name})
        listener = g.listener(id=g.nth(3), default_pool_id=pool.id).model_copy(update={"description": name})
        node = PoolNode.model_construct(pool=pool, members=(member,), healthmonitor=monitor)
        return g.graph(id=g.nth(4), listeners=[listener]).model_copy(update={"pools": (node,)})

    tame = sections(text_of(build("n", "c", "/", "1.2.3.4")))
    wild = sections(text_of(build(name, cookie, path, address)))
    assert [lines[0] for lines in wild] == [lines[0] for lines in tame]
    assert [len(lines) for lines in wild] == [len(lines) for lines in tame]


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40))
def test_a_quoted_word_is_one_word_on_one_line(text):
    quoted = word(text)
    assert quoted.splitlines() == [quoted] or "\n" not in quoted
    # Written with the escapes that a shell knows too, a shell reads it back as one word.
    assert len(shlex.split(quoted)) == 1


def test_a_load_balancer_that_is_served_anew_gets_another_worker_and_is_the_same_otherwise():
    listeners, balancer_id = [g.listener()], g.new_id()

    def config(failovers: int):
        return render(g.graph(listeners=listeners, id=balancer_id, failovers=failovers), DIR, SETTINGS)

    assert plan(config(0), config(1)) == plan(config(1), config(2)) == (Reload(),)
    (told,) = set(config(1).global_lines) - set(config(0).global_lines)
    assert told.split(maxsplit=1) == ["description", '"failover 1"']


def test_nul_and_lone_surrogates_cannot_be_written():
    for text in ("a\0b", "a\udc80"):
        with pytest.raises(Unrenderable):
            word(text)


def _of_another_kind(what: str) -> Graph:
    """A graph in which one kind of something is one that this version does not know."""
    new = {"update": {what.partition(" ")[2]: "NEW"}}
    pool, monitor = g.pool(session_persistence={"type": "SOURCE_IP"}), g.monitor()
    listener, rule = g.listener(default_pool_id=pool.id), g.rule()
    policy = g.policy(rule, listener_id=listener.id)
    match what.partition(" ")[0]:
        case "listener":
            listener = listener.model_copy(**new)
        case "pool":
            pool = pool.model_copy(**new)
        case "persistence":
            known = pool.session_persistence
            pool = pool.model_copy(update={"session_persistence": known.model_copy(**new)})
        case "monitor":
            monitor = monitor.model_copy(**new)
        case "policy":
            policy = policy.model_copy(update={"policy": policy.policy.model_copy(**new)})
        case "rule":
            policy = policy.model_copy(update={"rules": (rule.model_copy(**new),)})
    node = PoolNode.model_construct(pool=pool, members=(g.member(),), healthmonitor=monitor)
    return g.altered(g.graph(listeners=[listener], l7policies=[policy]), pools=(node,))


@pytest.mark.parametrize(
    "what",
    [
        "listener protocol",
        "pool protocol",
        "pool lb_algorithm",
        "persistence type",
        "monitor type",
        "policy action",
        "rule type",
        "rule compare_type",
    ],
)
def test_a_kind_that_this_version_does_not_know_is_never_served_as_another(what):
    with pytest.raises(Unrenderable, match="NEW is not known to this agent"):
        text_of(_of_another_kind(what))


def test_a_load_balancer_out_of_service_serves_nothing():
    graph = g.graph(listeners=[g.listener()], admin_state_up=False)
    assert render(graph, DIR, SETTINGS).frontends == ()


def test_a_listener_without_a_pool_in_service_has_no_default_backend():
    pool = g.pool(admin_state_up=False)
    listener = g.listener(default_pool_id=pool.id)
    text = text_of(g.graph(listeners=[listener], pools=[(pool, [], None)]))
    assert "default_backend" not in text
    assert f"frontend {listener.id}" in text


def test_an_ipv6_vip_and_member_are_written_in_brackets():
    pool = g.pool()
    graph = g.graph(
        listeners=[g.listener(default_pool_id=pool.id)],
        pools=[(pool, [g.member(address="2001:db8::5", protocol_port=8080)], None)],
        addresses=["2001:db8::1", "10.0.0.1"],
    )
    text = text_of(graph)
    assert "bind [2001:db8::1]:80\n" in text
    assert "bind 10.0.0.1:80\n" in text
    assert " [2001:db8::5]:8080 " in text


@pytest.mark.parametrize(
    ("down", "fall", "rise"), [(None, 3, 1), (2, 2, 3)], ids=["one number", "a number each way"]
)
def test_retries_become_fall_and_rise(down, fall, rise):
    pool = g.pool()
    monitor = g.monitor(delay=5, timeout=4, max_retries=3, max_retries_down=down)
    graph = g.graph(listeners=[g.listener(default_pool_id=pool.id)], pools=[(pool, [g.member()], monitor)])
    lines = section(text_of(graph), f"backend {pool.id}")
    assert lines[-1].endswith(f"check inter 5s fall {fall} rise {rise}")
    assert "timeout check 4s" in lines


def test_an_https_monitor_checks_over_tls_while_traffic_passes_through():
    pool = g.pool(protocol="HTTPS")
    monitor = g.monitor(type="HTTPS", http_method="HEAD", url_path="/up?x=1", expected_codes="200, 204")
    graph = g.graph(
        listeners=[g.listener(protocol="HTTPS", default_pool_id=pool.id)],
        pools=[(pool, [g.member()], monitor)],
    )
    lines = section(text_of(graph), f"backend {pool.id}")
    assert "mode tcp" in lines
    assert 'http-check send meth HEAD uri "/up?x=1"' in lines
    assert "http-check expect status 200,204" in lines
    assert lines[-1].endswith("check-ssl verify none")
    assert " ssl " not in lines[-1]


def test_a_monitor_out_of_service_checks_nothing():
    pool = g.pool()
    graph = g.graph(
        listeners=[g.listener(default_pool_id=pool.id)],
        pools=[(pool, [g.member()], g.monitor(type="HTTP", admin_state_up=False))],
    )
    assert "check " not in "\n".join(section(text_of(graph), f"backend {pool.id}"))


def test_threads_are_only_counted_out_where_the_operator_says_so():
    graph = g.graph(listeners=[g.listener()])
    assert "nbthread" not in text_of(graph)
    assert "    nbthread 2\n" in text_of(graph, nbthread=2)
