"""What L7 policies do to requests, through a real HAProxy."""

import itertools

import pytest

import haproxy_graphs as g
from evener.dataplane.haproxy.plan import Reload
from evener.resources.types import L7CompareType, L7RuleType
from haproxy_rig import VIP, Rig, member_of

pytestmark = [pytest.mark.root, pytest.mark.each_haproxy]

POOL, MATCHED, DOWN, FRONT = g.nth(1), g.nth(2), g.nth(3), g.nth(4)
EQUAL, STARTS, ENDS = "EQUAL_TO", "STARTS_WITH", "ENDS_WITH"
CONTAINS, REGEX = "CONTAINS", "REGEX"


@pytest.fixture(scope="module")
def rig(tmp_path_factory, haproxy):
    rig = Rig(tmp_path_factory.mktemp("l7"), "qlbaas-test", haproxy)
    rig.web("default", address="127.0.2.1")
    rig.web("matched", address="127.0.2.2")
    yield rig
    rig.close()


def apply(rig, *policies, **given):
    """Serve `policies`; the default pool answers `default`, the pool they may choose `matched`."""
    nodes = [
        (g.pool(id=POOL), [member_of(rig.webs["default"], id=g.nth(10))], None),
        (g.pool(id=MATCHED), [member_of(rig.webs["matched"], id=g.nth(11))], None),
        (g.pool(id=DOWN, admin_state_up=False), [], None),
    ]
    listeners = given.pop("listeners", [g.listener(id=FRONT, default_pool_id=POOL)])
    graph = g.graph(id=g.nth(9), listeners=listeners, pools=nodes, l7policies=policies, addresses=[VIP])
    return rig.instance.apply(graph)


def to_pool(*rules, pool=MATCHED, **given):
    return g.policy(*rules, listener_id=FRONT, action="REDIRECT_TO_POOL", redirect_pool_id=pool, **given)


def to_url(*rules, url="https://example.org/new", **given):
    return g.policy(*rules, listener_id=FRONT, action="REDIRECT_TO_URL", redirect_url=url, **given)


def reject(*rules, **given):
    return g.policy(*rules, listener_id=FRONT, action="REJECT", **given)


def path(value, compare=STARTS, **given):
    return g.rule(type="PATH", compare_type=compare, value=value, **given)


def ask(rig, path="/", **headers):
    """Return what a request leads to: a pool's name, a redirect's address, or a status."""
    client = rig.connection()
    try:
        client.putrequest("GET", path, skip_host="host" in headers)
        for name, value in headers.items():
            for each in value if isinstance(value, list) else [value]:
                client.putheader(name.replace("_", "-"), each)
        client.endheaders()
        answer = client.getresponse()
        body = answer.read().decode()
    finally:
        client.close()
    if answer.status == 302:
        return answer.headers["Location"]
    return body if answer.status == 200 else answer.status


# -- rules: what matches, and what does not, by type and comparison ------------------------------------------

MANY = ["text/html, x=1", "second"]
ROWS = [
    ("HOST_NAME", EQUAL, None, "www.example.com", [{"host": "WWW.Example.com:8080"}], [{"host": "example.com"}]),
    ("HOST_NAME", EQUAL, None, "[2001:db8::1]", [{"host": "[2001:DB8::1]:80"}], [{"host": "[2001:db8::2]"}]),
    ("HOST_NAME", STARTS, None, "API.", [{"host": "api.example.com"}], [{"host": "www.api.example"}]),
    ("HOST_NAME", ENDS, None, ".example.com", [{"host": "a.example.com:80"}], [{"host": "example.com.org"}]),
    ("HOST_NAME", CONTAINS, None, "exam", [{"host": "www.EXAMPLE.com"}], [{"host": "www.exa.com"}]),
    ("HOST_NAME", REGEX, None, r"^(a|b)\.ex.*e$", [{"host": "B.example:80"}], [{"host": "c.example"}]),
    ("HOST_NAME", EQUAL, None, "www.example.com:8080", [{"host": "WWW.Example.com:8080"}],
     [{"host": "www.example.com"}, {"host": "www.example.com:80"}]),
    ("HOST_NAME", EQUAL, None, "www.example.com:80", [{"host": "www.example.com"}, {"host": "www.example.com:80"}],
     [{"host": "www.example.com:8080"}, {"host": "example.com"}]),
    ("HOST_NAME", ENDS, None, ".example.com:8080", [{"host": "a.Example.com:8080"}], [{"host": "a.example.com"}]),
    ("PATH", STARTS, None, "/admin", [{"path": "//admin"}, {"path": "/%61dmin"}, {"path": "//%61d%6Din//x"}],
     [{"path": "/%2561dmin"}, {"path": "/x//admin"}, {"path": "/?//admin"}, {"path": "/a//dmin"}]),
    ("PATH", EQUAL, None, "/a b/☃", [{"path": "/a%20b/%E2%98%83"}], [{"path": "/a+b/%E2%98%83"}]),
    ("PATH", CONTAINS, None, "%2F//", [{"path": "/a%2F//b"}], [{"path": "/a//b"}]),
    ("PATH", EQUAL, None, "/a", [{"path": "/a"}, {"path": "/a?b=c"}], [{"path": "/A"}, {"path": "/a/"}]),
    ("PATH", STARTS, None, "/static", [{"path": "/static/x"}], [{"path": "/x/static"}]),
    ("PATH", ENDS, None, "/end", [{"path": "/the/end?x=/"}], [{"path": "/x?/end"}, {"path": "/end/"}]),
    ("PATH", CONTAINS, None, "mid'\"%23$", [{"path": "/x/mid'\"%23$dle"}], [{"path": "/x/mi/d"}]),
    ("PATH", REGEX, None, r"^/v\d{1,2}/(a|b),?$", [{"path": "/v12/a,"}], [{"path": "/v123/a"}]),
    ("FILE_TYPE", EQUAL, None, "jpg", [{"path": "/x.jpg"}, {"path": "/a.b/c.d.jpg?x=.png"}],
     [{"path": "/xjpg"}, {"path": "/x.jpg/"}, {"path": "/jpg"}, {"path": "/x?y=.jpg"}, {"path": "/x.JPG"}]),
    ("FILE_TYPE", EQUAL, None, "tar.gz", [{"path": "/x.tar.gz"}], [{"path": "/x.gz"}]),
    ("FILE_TYPE", REGEX, None, "^(gif|jpe?g)$", [{"path": "/x.jpg"}, {"path": "/.a/x.jpeg"}],
     [{"path": "/gif"}, {"path": "/x.gifs"}, {"path": "/x.gif/y"}]),
    ("FILE_TYPE", REGEX, None, ".*", [{"path": "/x.y"}], [{"path": "/x"}, {"path": "/x.d/y"}, {"path": "/x."}]),
    ("FILE_TYPE", EQUAL, None, ".jpg", [{"path": "/x.jpg"}, {"path": "/x%2ejpg"}, {"path": "/x.j%70g"}],
     [{"path": "/xjpg"}, {"path": "/x..jpg/"}]),
    ("FILE_TYPE", REGEX, None, r"^\.(jpg|png)$", [{"path": "/x.png"}, {"path": "/x.%70ng"}],
     [{"path": "/x.pngs"}, {"path": "/png"}]),
    ("FILE_TYPE", REGEX, None, "^(jpg|png)$", [{"path": "/x.%70ng"}], [{"path": "/x.%70ngs"}]),
    ("HEADER", EQUAL, "X-Kind", "text/html, x=1", [{"x_kind": MANY[0]}, {"X_KIND": MANY}],
     [{"x_kind": "text/html"}, {"x_other": MANY[0]}, {}]),
    ("HEADER", STARTS, "x-kind", "sec", [{"x_kind": MANY}], [{"x_kind": "a second"}, {}]),
    ("HEADER", ENDS, "x-kind", "x=1", [{"x_kind": MANY}], [{"x_kind": "x=1, 2"}, {}]),
    ("HEADER", CONTAINS, "x-kind", "html, x", [{"x_kind": MANY}], [{"x_kind": "html"}, {}]),
    ("HEADER", REGEX, "x-k'i#n$d", r"^\w+/h[a-t]{2}l", [{"x_k'i#n$d": MANY}], [{"x_kind": MANY}, {}]),
    ("COOKIE", EQUAL, "tier", "gold", [{"cookie": "a=b; tier=gold"}], [{"cookie": "tier=golden; a=gold"}, {}]),
    ("COOKIE", STARTS, "tier", "g", [{"cookie": "tier=gold"}], [{"cookie": "Tier=gold"}, {"cookie": "tier=old"}]),
    ("COOKIE", ENDS, "tier", "d", [{"cookie": "tier=gold; a=b"}], [{"cookie": "tier=golden"}, {}]),
    ("COOKIE", CONTAINS, "ti'e#r$", "ol", [{"cookie": "ti'e#r$=gold"}], [{"cookie": "tier=gold"}]),
    ("COOKIE", REGEX, "tier", "^(gold|silver)$", [{"cookie": "tier=silver"}], [{"cookie": "tier=golden"}, {}]),
]  # fmt: skip


def test_every_type_is_compared_in_every_way():
    combinations = {(kind, compare) for kind, compare, *_ in ROWS}
    types = [each for each in L7RuleType if each != "FILE_TYPE" and not each.startswith("SSL_")]
    assert combinations == {
        *itertools.product(types, L7CompareType),
        ("FILE_TYPE", EQUAL),
        ("FILE_TYPE", REGEX),
    }


@pytest.mark.parametrize("invert", [False, True], ids=["as it is", "inverted"])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]} {row[1]} {row[3]}")
def test_a_rule_applies_to_what_it_says(rig, row, invert):
    kind, compare, key, value, matching, others = row
    rule = g.rule(type=kind, compare_type=compare, key=key, value=value, invert=invert)
    apply(rig, to_pool(rule))
    for requests, expected in ((matching, not invert), (others, invert)):
        for request in requests:
            if " " not in request.get("path", ""):  # which no request line can hold
                assert ask(rig, **request) == ("matched" if expected else "default"), request


# -- policies ------------------------------------------------------------------------------------------------


def test_a_policy_redirects_to_a_pool_or_an_address_or_rejects(rig):
    apply(
        rig,
        to_pool(path("/pool"), position=1),
        to_url(path("/url"), position=2),
        reject(path("/no"), position=3),
    )
    assert [ask(rig, each) for each in ("/pool", "/url", "/no", "/")] == [
        "matched",
        "https://example.org/new",
        403,
        "default",
    ]


@pytest.mark.parametrize("order", [*itertools.permutations(["matched", "https://example.org/new", 403])])
def test_the_first_policy_by_position_wins_whatever_it_does(rig, order):
    makers = {"matched": to_pool, "https://example.org/new": to_url, 403: reject}
    policies = [makers[each](path(f"/{'x' * n}"), position=n) for n, each in enumerate(order, 1)]
    apply(rig, *reversed(policies))
    assert ask(rig, "/xxx") == order[0]
    apply(rig, *policies[1:])
    assert ask(rig, "/xxx") == order[1]
    assert ask(rig, "/") == "default"


def test_between_pools_the_first_position_wins(rig):
    apply(rig, to_pool(path("/a"), pool=POOL, position=1), to_pool(path("/"), position=2))
    assert ask(rig, "/ab") == "default"
    assert ask(rig, "/b") == "matched"


def test_all_rules_of_a_policy_must_hold(rig):
    host = g.rule(type="HOST_NAME", compare_type=EQUAL, value="a.example")
    apply(rig, to_pool(path("/x"), host, path(".cgi", ENDS, invert=True)))
    assert ask(rig, "/x", host="a.example") == "matched"
    assert ask(rig, "/x", host="b.example") == "default"
    assert ask(rig, "/", host="a.example") == "default"
    assert ask(rig, "/x.cgi", host="a.example") == "default"


def test_a_policy_without_rules_in_service_applies_to_nothing(rig):
    apply(rig, reject(), reject(path("/", admin_state_up=False), position=2))
    assert ask(rig) == "default"


def test_a_rule_out_of_service_is_ignored_and_a_policy_out_of_service_is_skipped(rig):
    apply(rig, to_pool(path("/x"), path("/y", admin_state_up=False)))
    assert ask(rig, "/x") == "matched"
    apply(rig, reject(path("/"), admin_state_up=False), to_pool(path("/"), position=2))
    assert ask(rig) == "matched"


def test_a_redirect_to_a_pool_out_of_service_answers_503(rig):
    apply(rig, to_pool(path("/x"), pool=DOWN), to_pool(path("/"), position=2))
    assert ask(rig, "/x") == 503
    assert ask(rig, "/") == "matched"


def test_a_policy_may_have_more_rules_than_a_line_has_words(rig):
    rules = [path(str(n), CONTAINS) for n in range(130)]
    everything = "/" + ".".join(str(n) for n in range(130))
    apply(rig, to_pool(path("/first")), to_pool(*rules, position=2), reject(*rules, position=3))
    assert ask(rig, everything) == "matched"
    for missing in ("5", "64", "129"):
        assert ask(rig, everything.replace(missing, "")) == "default"
    apply(rig, reject(*rules), to_pool(path("/"), position=2))
    assert ask(rig, everything) == 403


@pytest.mark.parametrize("url", ["http://e.org/%5Bsrc%5D%20?a=b&c=%{x}", "https://e.org/'$HOME#[%]%[src]%%"])
def test_an_address_reaches_the_client_as_it_was_given(rig, url):
    policy = to_url(path("/"))
    policy = policy.model_copy(update={"policy": policy.policy.model_copy(update={"redirect_url": url})})
    apply(rig, policy)
    assert ask(rig) == url


@pytest.mark.parametrize(
    "value",
    [
        "}",
        "--",
        "-i",
        "-f /etc/passwd",
        "if",
        "#x",
        "a\" b'$HOME",
        "\\\\",
        "é☃",
        "a\u2028 b\u2029\u202e.\u0301",
    ],
)
def test_a_value_is_compared_as_it_was_given(rig, value):
    apply(rig, to_pool(g.rule(type="HEADER", key="x", compare_type=EQUAL, value=value)))
    assert ask(rig, x=value.encode()) == "matched"
    assert ask(rig, x=b"other") == "default"


def test_policies_belong_to_their_listener_only(rig):
    other = g.listener(id=g.nth(5), protocol_port=81, default_pool_id=POOL)
    front = g.listener(id=FRONT, default_pool_id=POOL)
    apply(rig, reject(path("/")), listeners=[front, other])
    assert ask(rig) == 403
    assert rig.get(port=81) == (200, "default")


def test_a_policy_sees_the_request_as_the_client_sent_it(rig):
    apply(rig, reject(g.rule(type="HEADER", key="X-Forwarded-Port", compare_type=EQUAL, value="80")))
    assert ask(rig) == "default"
    assert ask(rig, x_forwarded_port="80") == 403


def test_a_changed_policy_is_a_reload(rig):
    apply(rig, reject(path("/a"), id=g.nth(7)))
    assert apply(rig, reject(path("/b"), id=g.nth(7))).steps == (Reload(),)
    assert ask(rig, "/b") == 403


def redirected(rig, path) -> tuple[int, str | None]:
    client = rig.connection()
    client.request("GET", path)
    answer = client.getresponse()
    client.close()
    return answer.status, answer.headers["Location"]


@pytest.mark.parametrize("prefix", ["https://new.example/a%20b", "https://new.example/a%20b/"])
def test_a_redirect_to_a_prefix_keeps_the_path_and_the_query(rig, prefix):
    policy = g.policy(path("/x"), listener_id=FRONT, action="REDIRECT_PREFIX", redirect_prefix=prefix)
    apply(rig, policy)
    assert redirected(rig, "/x/y?z=%20&%5D") == (302, "https://new.example/a%20b/x/y?z=%20&%5D")
    assert ask(rig, "/other") == "default"


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_has_the_code_that_its_policy_says(rig, code):
    apply(
        rig,
        to_url(path("/url"), url="https://new.example/", redirect_http_code=code),
        g.policy(
            path("/prefix"),
            listener_id=FRONT,
            action="REDIRECT_PREFIX",
            redirect_prefix="https://new.example",
            redirect_http_code=code,
            position=2,
        ),
    )
    assert redirected(rig, "/url") == (code, "https://new.example/")
    assert redirected(rig, "/prefix") == (code, "https://new.example/prefix")
