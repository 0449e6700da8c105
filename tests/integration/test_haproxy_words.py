"""What users write, in all of Unicode, is refused by name, or stands in HAProxy's configuration as it was written."""

import random
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import haproxy_graphs as g
import haproxy_words
from evener.dataplane.haproxy.render import render
from evener.resources.errors import InvalidInput
from evener.resources.graph import Graph
from evener.resources.healthmonitor import HealthMonitor
from evener.resources.l7policy import L7Policy
from evener.resources.l7rule import L7Rule
from evener.resources.listener import Listener
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.member import Member
from evener.resources.pool import Pool
from evener.resources.types import L7CompareType, L7RuleType
from evener.resources.wire import parse_create
from haproxy_rig import SETTINGS

TRIES = 200  # texts for each attribute
SOME_ID = g.nth(1)
LISTENER, POOL = g.nth(2), g.nth(3)
# What POSTs say besides the one text that is tried, by kind: all that is needed.
BODIES: dict[type, dict[str, Any]] = {
    LoadBalancer: {"vip_subnet_id": SOME_ID},
    Listener: {"protocol": "HTTP", "protocol_port": 80},
    Pool: {"protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"},
    Member: {"subnet_id": SOME_ID, "address": "10.0.0.1", "protocol_port": 80},
    HealthMonitor: {"pool_id": SOME_ID, "type": "HTTP", "delay": 5, "timeout": 5, "max_retries": 1},
    L7Policy: {"listener_id": LISTENER, "action": "REDIRECT_TO_URL", "redirect_url": "http://x/"},
    L7Rule: {"type": "PATH", "compare_type": "EQUAL_TO", "value": "x"},
}
# And with which others an attribute means something.
NEEDS: dict[str, dict[str, Any]] = {
    "domain_name": {"http_version": "1.1"},
    "redirect_prefix": {"action": "REDIRECT_PREFIX", "redirect_url": None},
}
FIELDS = [
    *((kind, "name", "") for kind in BODIES if kind is not L7Rule),
    *((kind, "description", "") for kind in (LoadBalancer, Listener, Pool, L7Policy)),
    (Listener, "default_tls_container_ref", ""),
    (Pool, "session_persistence", ""),
    (HealthMonitor, "url_path", "/"),
    (HealthMonitor, "expected_codes", "200, 201"),
    (HealthMonitor, "domain_name", "a"),
    (L7Policy, "redirect_url", "https://x/"),
    (L7Policy, "redirect_prefix", "https://x/a"),
    (L7Rule, "key", ""),
    (L7Rule, "value", ""),
]


def accepted(r: random.Random, kind: type, name: str, start: str) -> Iterator[dict[str, Any]]:
    """Yield all attributes, with texts that the API takes for this one; all others are refused by its name."""
    for _ in range(TRIES):
        text = start + haproxy_words.text(r, r.choice([0, 1, 40]))
        body = {**BODIES[kind], **NEEDS.get(name, {}), name: text}
        if kind is Pool and name == "session_persistence":
            body[name] = {"type": "APP_COOKIE", "cookie_name": text}
        if kind is L7Rule:
            body |= {
                "type": r.choice([str(each) for each in L7RuleType if not each.startswith("SSL_")]),
                "compare_type": str(r.choice(list(L7CompareType))),
            }
            if body["type"] == "FILE_TYPE":
                body["compare_type"] = r.choice(["EQUAL_TO", "REGEX"])
            if body["type"] in ("HEADER", "COOKIE"):
                body.setdefault("key", "k")
            elif name == "key":
                body["type"] = "HEADER"
        try:
            values = parse_create(kind, {kind.KIND: body})
            kind.check(values)
        except InvalidInput as error:
            complaint = error.message
        else:
            yield values
            continue
        assert re.search(f"{name}|regular expression|Invalid characters in (key|value)", complaint), (
            text,
            complaint,
        )


def graph_of(words: dict[tuple[type, str], list[dict[str, Any]]]) -> Graph:
    """Return one load balancer with all that was accepted, each in an object of its own."""
    number = iter(range(100, 100_000))

    def made(kind: type, **linked: str) -> Iterator[Any]:
        for (of, _), found in words.items():
            for values in found if of is kind else ():
                yield kind(**{"id": g.nth(next(number)), "project_id": "p", **values, **linked})

    below = {"loadbalancer_id": SOME_ID}
    rules = [*made(L7Rule, l7policy_id=SOME_ID, **below)]
    policies = [g.policy(rule, listener_id=LISTENER) for rule in rules]
    policies += [
        g.policy(g.rule(id=g.nth(next(number))), **one.model_dump() | {"listener_id": LISTENER})
        for one in made(L7Policy, **below)
    ]
    monitors = [*made(HealthMonitor, **below)]
    pools = [(pool, [], None) for pool in made(Pool)]
    pools += [(g.pool(id=g.nth(next(number)), protocol="HTTP"), [], each) for each in monitors]
    pools.append((g.pool(id=POOL), [*made(Member, pool_id=POOL, **below)], None))
    lb = next(made(LoadBalancer))
    listeners = [g.listener(id=LISTENER), *made(Listener)]
    return g.graph(lb=lb, listeners=listeners, pools=pools, l7policies=policies)


def test_every_text_that_is_taken_comes_back_and_stands_in_a_word_of_its_own(tmp_path):
    r = random.Random(0)
    words = {(kind, name): [*accepted(r, kind, name, start)] for kind, name, start in FIELDS}
    assert all(words.values()), "an attribute for which nothing is taken"
    sent = graph_of(words)
    graph = Graph.model_validate_json(sent.model_dump_json(ensure_ascii=True))
    assert graph == sent
    text = render(graph, tmp_path, SETTINGS).text
    assert text.isascii()
    assert all(char.isprintable() or char == "\n" for char in text)

    (tmp_path / "servers.state").write_text("1\n")
    for node in graph.pools:
        (tmp_path / f"clients-string-{node.pool.id}.map").touch()
    conf = tmp_path / "haproxy.conf"
    conf.write_text(text)
    command = (SETTINGS.binary, "-c", "-f", conf)
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert "WARNING" not in run.stderr, run.stderr
    _stand_there(graph, haproxy_words.lines(text), text)


def _stand_there(graph: Graph, lines: list[list[bytes]], text: str) -> None:
    """See each value in the one word where it belongs, and no line that does not belong to anything."""
    assert len(lines) == sum(1 for line in text.split("\n") if line)
    starts = {b"global", b"defaults", b"peers", b"frontend", b"backend"}
    sections = [line for line in lines if line[0] in starts]
    assert len(sections) == 3 + len(graph.listeners) + len(graph.pools)
    acls = {line[1].decode(): line for line in lines if line[0] == b"acl"}
    for node in graph.l7policies:
        for rule in node.rules:
            assert acls[rule.id][-1].decode().endswith(rule.value), rule
    locations = {line[line.index(b"location") + 1] for line in lines if b"location" in line}
    urls = {node.policy.redirect_url for node in graph.l7policies if node.policy.redirect_url}
    assert locations == {url.replace("%", "%%").encode() for url in urls}
    prefixes = {line[line.index(b"prefix") + 1] for line in lines if b"prefix" in line}
    given = {node.policy.redirect_prefix for node in graph.l7policies if node.policy.redirect_prefix}
    assert prefixes == {url.removesuffix("/").replace("%", "%%").encode() for url in given}
    hosts = {line[line.index(b"Host") + 1].decode() for line in lines if b"Host" in line}
    assert hosts == {
        node.healthmonitor.domain_name
        for node in graph.pools
        if node.healthmonitor and node.healthmonitor.domain_name
    }
    paths = {line[line.index(b"uri") + 1].decode() for line in lines if b"uri" in line}
    assert paths == {node.healthmonitor.url_path for node in graph.pools if node.healthmonitor}
