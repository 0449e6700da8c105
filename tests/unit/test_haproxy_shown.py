"""What people see of a configuration: every line of it, and no secret."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

import haproxy_graphs as g
from evener.dataplane.haproxy.quoting import word
from evener.dataplane.haproxy.render import render
from evener.dataplane.haproxy.settings import Settings
from evener.dataplane.haproxy.shown import MASK, without_secrets
from evener.resources.types import L7Action, L7CompareType, L7RuleType

SECRET = st.text(st.characters(codec="ascii", categories=("L", "N", "P")), min_size=8, max_size=20)


def shown(*rules, **of_policy) -> str:
    listener, pool = g.listener(), g.pool()
    policy = g.policy(*rules, listener_id=listener.id, **of_policy)
    graph = g.graph(listeners=(listener,), pools=((pool, (), None),), l7policies=(policy,))
    return without_secrets(render(graph, Path("/lb"), Settings()).text)


@given(
    st.sampled_from(["Authorization", "X-Auth-Token", "x-api-key", "Cookie"]),
    st.sampled_from(L7CompareType),
    SECRET,
)
@settings(max_examples=50)
def test_what_a_rule_expects_of_who_may_come_in_is_not_shown(header, compare, secret) -> None:
    secret = f"a secret -- {secret}"
    values = {"compare_type": compare, "value": secret}
    for kind, key in ((L7RuleType.HEADER, header), (L7RuleType.COOKIE, "any")):
        text = shown(g.rule(type=kind, key=key, **values), action=L7Action.REJECT)
        assert word(secret) not in text
        assert "a secret" not in text
        assert f" -- {MASK}\n" in text


def test_other_rules_are_shown_as_they_are() -> None:
    rule = g.rule(type=L7RuleType.HEADER, key="X-Canary", compare_type=L7CompareType.EQUAL_TO, value="yes")
    assert "req.fhdr(X-Canary) -m str -- yes" in shown(rule, action=L7Action.REJECT)


def test_users_passwords_and_tokens_in_addresses_are_not_shown() -> None:
    url = "https://ann:hidden1@example.org/a?b=c&access_token=hidden2&d=e"
    text = shown(g.rule(), action=L7Action.REDIRECT_TO_URL, redirect_url=url)
    assert f"https://{MASK}@example.org/a?b=c&access_token={MASK}&d=e" in text
    assert "hidden" not in text


@given(g.graphs())
@settings(max_examples=50)
def test_as_many_lines_are_shown_as_there_are_and_no_key(graph) -> None:
    text = render(graph, Path("/lb"), Settings()).text
    found = without_secrets(text)
    assert found.count("\n") == text.count("\n")
    assert "dynamic-cookie-key" not in found.replace(f"dynamic-cookie-key {MASK}", "")
    assert "PRIVATE KEY" not in found
