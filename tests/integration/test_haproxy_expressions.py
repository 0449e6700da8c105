"""The API takes exactly the regular expressions that HAProxy takes, so that none fails a whole load balancer."""

import subprocess

import pytest

import haproxy_graphs as g
from evener.dataplane.haproxy.render import render
from evener.resources.expressions import refusal
from haproxy_rig import SETTINGS

GOOD = [
    *g.REGEXES,
    "a++b",
    r"(?<year>\d{4})\k<year>",
    "(?i)abc",
    r"\p{Lu}",
    "(?>a|ab)c",
    "[[:alpha:]]+",
    "(?|(a)|(b))",
    r"\Qa.b\E",
    "(?R)?x",
]
BAD = [
    "(",
    "[a",
    "a{2,1}",
    "*",
    "(?<n>a)(?<n>b)",
    r"(?P<n>a)(?P=m)",
    r"(a)\1",  # there are no captures by number
    r"(?<=a+)b",
    "(?z)",
    "\\",
    "((a{1,1000}){1,1000}){1,1000}",
]
# What HAProxy would take, and read texts as UTF-8 without looking whether they are.
TOO_BOLD = ["(*UTF)é", "(*UCP)a", r"\C"]


def _accepts(tmp_path, expression: str) -> bool:
    rule = g.rule(type="PATH", compare_type="REGEX", value=expression)
    listener = g.listener(id=g.nth(2))
    policy = g.policy(rule, action="REJECT", listener_id=listener.id)
    text = render(g.graph(id=g.nth(1), listeners=[listener], l7policies=[policy]), tmp_path, SETTINGS).text
    (tmp_path / "servers.state").write_text("1\n")
    (tmp_path / "one.conf").write_text(text)
    command = (SETTINGS.binary, "-c", "-f", str(tmp_path / "one.conf"))
    return subprocess.run(command, capture_output=True, check=False, timeout=120).returncode == 0


@pytest.mark.parametrize("expression", GOOD)
def test_what_is_taken_haproxy_takes(tmp_path, expression):
    assert refusal(expression) is None
    assert _accepts(tmp_path, expression)


@pytest.mark.parametrize("expression", BAD)
def test_what_is_refused_haproxy_refuses(tmp_path, expression):
    assert "position" in str(refusal(expression))
    assert not _accepts(tmp_path, expression)


@pytest.mark.parametrize("expression", TOO_BOLD)
def test_what_would_read_unchecked_text_is_refused(expression):
    assert refusal(expression) is not None
