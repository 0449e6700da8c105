"""The dashboard's pages, of what APIs said: no server, no browser."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import falcon.testing
import pytest
from markupsafe import escape

from evener.dashboard import picture, wizard
from evener.dashboard.app import COOKIE, make_app
from evener.dashboard.cloud import Away, Cloud, Credentials, Login, Reached, Refused
from evener.dashboard.rates import Flow
from evener.dashboard.sessions import Sessions

MARKUP = "<script>alert('1')</script>\" onload=\"x"
LB = "11111111-1111-1111-1111-111111111111"
BALANCER = {
    "id": LB,
    "name": MARKUP,
    "description": MARKUP,
    "vip_address": "192.0.2.1",
    "vip_port_id": "",
    "admin_state_up": True,
    "provisioning_status": "ACTIVE",
    "operating_status": "DEGRADED",
}
LISTENER = {
    "id": "l",
    "name": MARKUP,
    "protocol": "HTTP",
    "protocol_port": 80,
    "default_pool_id": "p",
    "l7policies": [],
    "policies": [],
    "operating_status": "ONLINE",
}
MEMBER = {
    "id": "m",
    "name": MARKUP,
    "address": "192.0.2.9",
    "protocol_port": 80,
    "weight": 1,
    "admin_state_up": True,
    "operating_status": "ONLINE",
}
POOL = {
    "id": "p",
    "name": MARKUP,
    "lb_algorithm": "ROUND_ROBIN",
    "protocol": "HTTP",
    "operating_status": "ONLINE",
}
HOUR = timedelta(hours=1)


class Said(Cloud):
    """A cloud that has answers ready, by path: what pages make of them is the question here."""

    def __init__(self, answers: Mapping[str, Any], roles: frozenset[str] = frozenset({"member"})) -> None:
        super().__init__(Reached("http://192.0.2.250/identity/v3"))
        self.answers, self.roles = answers, roles
        self.asked: list[tuple[str, str, Any]] = []
        self.queries: list[tuple[str, Any]] = []

    def log_in(self, given: Credentials, address: str) -> Login:
        if given.password != "right":
            raise Refused(401, f"The request you have made requires authentication, {given.user}")
        return Login("token", given.user, given.project, "id", self.roles, {}, datetime.now(UTC) + HOUR)

    def ask(self, login: Login, method: str, service: str, path: str, body: Any = None, **query: Any) -> Any:
        self.asked.append((method, path, body))
        self.queries.append((path, query))
        answer = self.answers.get(f"{method} {path}")
        if isinstance(answer, Exception):
            raise answer
        if answer is None:
            raise Refused(404, f"{path} not found")
        return answer

    def fetch(self, login: Login, service: str, path: str) -> bytes:
        found: bytes = self.ask(login, "GET", service, path)
        return found


ONE = {
    "GET /lbaas/loadbalancers": {"loadbalancers": [BALANCER]},
    f"GET /lbaas/loadbalancers/{LB}": {"loadbalancer": BALANCER},
    "GET /lbaas/listeners": {"listeners": [LISTENER]},
    "GET /lbaas/pools": {"pools": [POOL]},
    "GET /lbaas/pools/p/members": {"members": [MEMBER]},
}


def client(cloud: Cloud) -> falcon.testing.TestClient:
    return falcon.testing.TestClient(make_app(cloud, Sessions(3600)))


def logged_in(cloud: Cloud) -> falcon.testing.TestClient:
    browser = client(cloud)
    answer = log_in(browser)
    return falcon.testing.TestClient(
        browser.app, headers={"Cookie": f"{COOKIE}={answer.cookies[COOKIE].value}"}
    )


def log_in(browser: falcon.testing.TestClient, password: str = "right", **more: Any) -> falcon.testing.Result:
    return post(browser, "/login", user="u", password=password, project="p", domain="Default", **more)


def post(browser: falcon.testing.TestClient, path: str, **form: str) -> falcon.testing.Result:
    return sent(browser, path, form)


def sent(browser: falcon.testing.TestClient, path: str, form: Mapping[str, str]) -> falcon.testing.Result:
    return browser.simulate_post(
        f"/dashboard{path}", body=urlencode(form), content_type="application/x-www-form-urlencoded"
    )


def csrf(browser: falcon.testing.TestClient) -> str:
    text = browser.simulate_get("/dashboard/balancers").text
    return text.partition('name="csrf" value="')[2].partition('"')[0]


def test_who_is_not_logged_in_sees_the_login_and_then_the_page_that_was_asked_for() -> None:
    browser = client(Said(ONE))
    answer = browser.simulate_get(f"/dashboard/balancers/{LB}")
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"/dashboard/login?next=/dashboard/balancers/{LB}"
    assert (
        log_in(browser, next=f"/dashboard/balancers/{LB}").headers["Location"] == f"/dashboard/balancers/{LB}"
    )


@pytest.mark.parametrize(
    "elsewhere", ["https://example.org/", "//example.org", "/dashboard/\\example.org", "/other"]
)
def test_a_login_leads_nowhere_else(elsewhere: str) -> None:
    assert log_in(client(Said(ONE)), next=elsewhere).headers["Location"] == "/dashboard/balancers"


def test_the_cookie_is_for_this_site_alone_and_not_for_scripts() -> None:
    cookie = log_in(client(Said(ONE))).cookies[COOKIE]
    assert (cookie.http_only, cookie.same_site, cookie.path, cookie.secure) == (
        True,
        "Strict",
        "/dashboard",
        False,
    )
    browser = falcon.testing.TestClient(make_app(Said(ONE), Sessions(3600)))
    answer = browser.simulate_post(
        "/dashboard/login",
        body="user=u&password=right&project=p&domain=d",
        content_type="application/x-www-form-urlencoded",
        protocol="https",
    )
    assert answer.cookies[COOKIE].secure


def test_a_refused_login_says_why_and_keeps_what_was_typed_but_the_password() -> None:
    answer = log_in(client(Said(ONE)), password="wrong one")
    assert answer.status_code == 401
    assert "requires authentication, u" in answer.text
    assert 'value="u"' in answer.text
    assert "wrong one" not in answer.text


def test_nothing_that_a_name_holds_is_markup() -> None:
    browser = logged_in(Said(ONE))
    for path in ("", f"/{LB}", f"/{LB}/delete"):
        text = browser.simulate_get(f"/dashboard/balancers{path}").text
        assert "&lt;script&gt;alert" in text
        assert "<script>" not in text
        assert 'onload="' not in text


def test_every_page_forbids_what_is_not_of_this_site() -> None:
    browser = logged_in(Said(ONE))
    for path in ("/balancers", "/login", f"/balancers/{LB}", "/nothing", "/static/dashboard.css"):
        policy = browser.simulate_get(f"/dashboard{path}").headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy


def test_a_form_of_another_session_or_site_does_nothing() -> None:
    cloud = Said({**ONE, f"DELETE /lbaas/loadbalancers/{LB}": {}})
    browser = logged_in(cloud)
    assert post(browser, f"/balancers/{LB}/delete", csrf="another").status_code == 403
    foreign = browser.simulate_post(
        f"/dashboard/balancers/{LB}/delete",
        body=f"csrf={csrf(browser)}",
        headers={"Origin": "https://example.org"},
    )
    assert foreign.status_code == 403
    assert not [each for each in cloud.asked if each[0] == "DELETE"]
    assert post(browser, f"/balancers/{LB}/delete", csrf=csrf(browser)).status_code == 303
    assert [each for each in cloud.asked if each[0] == "DELETE"]


def test_who_may_only_read_is_offered_nothing_else() -> None:
    browser = logged_in(Said(ONE, frozenset({"reader"})))
    assert "/create" not in browser.simulate_get("/dashboard/balancers").text
    text = browser.simulate_get(f"/dashboard/balancers/{LB}").text
    assert "Delete this load balancer" not in text
    assert "/members/" not in text


def test_after_logging_out_the_session_is_nobodys() -> None:
    browser = logged_in(Said(ONE))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Said, "log_out", lambda *_: None)
        post(browser, "/logout", csrf=csrf(browser))
    assert browser.simulate_get("/dashboard/balancers").status_code == 303


def test_the_wizard_says_at_a_field_what_is_wrong_with_it_and_keeps_what_was_typed() -> None:
    words = "Invalid input for field/attribute protocol_port. Value: '99999'. The value is too large."
    cloud = Said(
        {
            **ONE,
            "POST /lbaas/loadbalancers": Refused(400, words),
            "GET /subnets": {"subnets": []},
            "GET /ports": {"ports": []},
        }
    )
    browser = logged_in(cloud)
    form = {"csrf": csrf(browser), "loadbalancer.name": "kept name", "listener.protocol_port": "99999"}
    answer = sent(browser, "/balancers/create", form)
    assert answer.status_code == 400
    assert 'id="wrong-listener-protocol_port" role="alert">Invalid input' in answer.text
    assert 'value="kept name"' in answer.text


def test_the_wizard_makes_one_request_of_all_steps() -> None:
    given = dict(wizard.FIRST)
    given |= {
        "loadbalancer.name": "lb",
        "loadbalancer.vip_subnet_id": "s",
        "members.addresses": "192.0.2.9\n::1 81 7",
    }
    made = wizard.body(given, ['{"address": "192.0.2.8", "subnet_id": "s"}'])
    (listener,) = made.pop("listeners")
    pool = listener.pop("default_pool")
    assert made == {"name": "lb", "vip_subnet_id": "s"}
    assert listener == {"protocol": "HTTP", "protocol_port": 80}
    assert pool["members"] == [
        {"address": "192.0.2.8", "subnet_id": "s", "protocol_port": 80, "weight": 1},
        {"address": "192.0.2.9", "protocol_port": 80, "weight": 1},
        {"address": "::1", "protocol_port": 81, "weight": 7},
    ]
    assert pool["healthmonitor"] == {"type": "TCP", "delay": 5, "timeout": 4, "max_retries": 3}


def test_no_boxes_of_a_picture_overlap_and_each_line_joins_two() -> None:
    policies = [
        {"id": str(number), "action": "REDIRECT_TO_POOL", "redirect_pool_id": "q"} for number in range(3)
    ]
    for members, its in ((0, []), (1, policies), (3, policies[:1]), (200, [])):
        pools = [
            {
                **POOL,
                "id": each,
                "members": [{**MEMBER, "id": f"{each}{number}"} for number in range(members)],
            }
            for each in ("p", "q")
        ]
        first, second = {**LISTENER, "policies": its}, {**LISTENER, "id": "k", "default_pool_id": "q"}
        drawn = picture.draw(BALANCER, [first, second], pools)
        places = [(box.x, box.y) for box in drawn.boxes]
        for index, (x, y) in enumerate(places):
            assert all(x != u or abs(y - v) >= picture.HIGH for u, v in places[index + 1 :])
            assert y + picture.HIGH <= drawn.height
            assert x + picture.WIDE <= drawn.width
        right = {(box.x + picture.WIDE, box.y + picture.HIGH // 2) for box in drawn.boxes}
        left = {(box.x, box.y + picture.HIGH // 2) for box in drawn.boxes}
        assert all((line.x1, line.y1) in right and (line.x2, line.y2) in left for line in drawn.lines)
        for line in drawn.lines:  # what passes a column passes between its boxes
            for x, y in places:
                assert not (line.x1 < x < line.bend and y < line.y1 < y + picture.HIGH)
        assert len(drawn.lines) == 2 + 2 + 2 * len(its) + min(members, picture.MOST_MEMBERS) * 2


def test_what_goes_through_is_in_the_boxes_a_pools_is_that_of_its_members() -> None:
    pool = {**POOL, "members": [{**MEMBER, "id": each} for each in ("m", "n")]}
    flows = {LB: Flow(5, 12.5), "l": Flow(5, 12.5), "m": Flow(2, 10.0), "n": Flow(3, 2.5)}
    drawn = picture.draw(BALANCER, [LISTENER], [pool], flows)
    assert [box.flow for box in drawn.boxes] == [
        *["5 now, 12.5 per second"] * 3,
        "2 now, 10 per second",
        "3 now, 2.5 per second",
    ]
    assert all(box.title.endswith(box.flow) for box in drawn.boxes)
    assert {box.flow for box in picture.draw(BALANCER, [LISTENER], [pool]).boxes} == {""}
    flows = {LB: Flow(5, 12.5, 100.0), "m": Flow(2, 10.0, 60.0), "n": Flow(3, 2.5, 40.0)}
    drawn = picture.draw(BALANCER, [LISTENER], [pool], flows)
    said = [box.flow for box in drawn.boxes]
    assert said[:3] == ["5 now, 100 requests/s", "", "5 now, 100 requests/s"]
    assert said[3:] == ["2 now, 60 requests/s", "3 now, 40 requests/s"]


def test_what_is_the_same_until_the_next_version_is_kept_by_browsers_and_no_page_is() -> None:
    browser = logged_in(Said(ONE))
    page = browser.simulate_get("/dashboard/balancers")
    assert page.headers["Cache-Control"] == "no-store"
    address = page.text.partition('<script src="')[2].partition('"')[0]
    assert "immutable" in browser.simulate_get(address).headers["Cache-Control"]


def test_a_pool_of_500_members_with_names_of_all_kinds_is_shown_whole() -> None:
    names = ["x" * 255, "\N{HEBREW LETTER ALEF}" * 20, "\N{BALLOON}", MARKUP, "'quoted' & \"so\""]
    members = [
        {**MEMBER, "id": str(number), "name": f"{names[number % 5]} {number}"} for number in range(500)
    ]
    browser = logged_in(Said(ONE | {"GET /lbaas/pools/p/members": {"members": members}}))
    text = browser.simulate_get(f"/dashboard/balancers/{LB}").text
    for each in members:
        assert f"<bdi>{escape(each['name'])}</bdi>" in text
    assert text.count('<g class="box') < 50


def test_hosts_that_do_not_tell_by_what_they_serve_are_said_with_the_reason() -> None:
    path = f"GET /lbaas/loadbalancers/{LB}/configuration"
    told = [
        {"host": "a", "data_plane": "HAProxy", "text": "global <b>\n", "error": ""},
        {"host": "b", "data_plane": "", "text": "", "error": "b does not answer"},
    ]
    found: list[tuple[Any, tuple[str, ...]]] = [
        ({"configurations": told}, ("HAProxy on a", "global &lt;b&gt;", "b does not answer")),
        (Away("The agent on a does not answer"), ("The agent on a does not answer",)),
    ]
    for answer, words in found:
        browser = logged_in(Said({**ONE, path: answer}, frozenset({"admin"})))
        page = browser.simulate_get(f"/dashboard/balancers/{LB}/configuration")
        assert page.status_code == 200
        for each in words:
            assert each in page.text
    refused = logged_in(Said({**ONE, path: {"configurations": told}}))
    assert refused.simulate_get(f"/dashboard/balancers/{LB}/configuration").status_code == 403
