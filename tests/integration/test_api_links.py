"""Links are what clients can follow, whatever a request says; HEAD is answered as GET; what waits is bounded."""

from urllib.parse import urlsplit

import falcon
import pytest
from api_cloud import SECRETS, V2, Cloud, Tokens, check_refusal
from falcon import testing

from evener.api.app import LONGEST_URI, make_app
from evener.api.lanes import PASSWORDS
from evener_cloud.network.http.networking import NETWORKING

BASE = SECRETS
FORGED = {"Host": "evil.test", "X-Forwarded-Host": "evil.test", "Forwarded": "host=evil.test"}


def test_all_links_begin_with_the_url_that_clients_are_told(cloud: Cloud) -> None:
    for number in range(3):
        cloud.ann.create("network", name=f"net{number}")
    page = cloud.ann.ok("GET", "/networks", query_string="limit=2", headers=FORGED)
    links = {link["rel"]: link["href"] for link in page["networks_links"]}
    assert links["next"].startswith(f"{BASE}{V2}/networks?limit=2&marker=")
    for path in ("/networking", "/networking/", V2, f"{V2}/", "/"):
        answer = cloud.client.simulate_get(path, headers={**FORGED, "X-Auth-Token": cloud.ann.token})
        assert answer.status_code == 200
        assert "evil.test" not in answer.text + str(answer.headers)
        assert BASE in answer.text


def test_pages_are_followed_to_the_end_by_their_links(cloud: Cloud) -> None:
    made = {cloud.ann.create("network", name=f"net{number}")["id"] for number in range(5)}
    query, found = "limit=2", set()
    while query:
        page = cloud.ann.ok("GET", "/networks", query_string=query)
        found |= {each["id"] for each in page["networks"]}
        following = [link["href"] for link in page.get("networks_links", ()) if link["rel"] == "next"]
        query = urlsplit(following[0]).query if following else ""
    assert found == made


def test_who_has_no_token_is_told_where_to_get_one(cloud: Cloud) -> None:
    answer = cloud.client.simulate_get(f"{V2}/networks", headers=FORGED)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == f'Keystone uri="{BASE}/identity"'
    assert "evil.test" not in answer.text + str(answer.headers)


def test_head_is_answered_as_get_wherever_that_is(cloud: Cloud) -> None:
    network = cloud.ann.create("network")
    below = [f"{V2}/networks", f"{V2}/networks/{network['id']}", f"{V2}/extensions", f"{V2}/quotas"]
    views = [view.path for view in NETWORKING.views if "{" not in view.path]
    others = [
        "/identity",
        "/identity/v3/auth/catalog",
        "/identity/v3/users",
        "/key-manager/v1/secrets",
        "/compute",
    ]
    others += ["/compute/v2.1/servers"]
    for path in {*below, *views, *others, "/", "/healthcheck"}:
        headers = {"X-Auth-Token": cloud.admin.token}
        got = cloud.client.simulate_get(path, headers=headers)
        answer = cloud.client.simulate_head(path, headers=headers)
        assert (answer.status_code, answer.text) == (got.status_code, ""), path
        assert answer.headers.get("content-type") == got.headers.get("content-type")


def test_a_uri_that_is_too_long_is_refused(cloud: Cloud) -> None:
    answer = cloud.ann.send("GET", "/networks", query_string="name=" + "x" * LONGEST_URI)
    check_refusal(answer, 414, "HTTPUriTooLong", str(LONGEST_URI))


def test_the_health_check_tells_nobody_why() -> None:
    app = make_app(Tokens(), lambda: "The database postgresql://secret does not answer", BASE)
    answer = testing.TestClient(app).simulate_get("/healthcheck")
    assert (answer.status_code, answer.text) == (503, "Service unavailable\n")


@pytest.mark.parametrize("fails", [False, True])
def test_what_waits_is_refused_with_a_time_when_enough_wait_already(fails: bool) -> None:
    app = make_app(Tokens(), lambda: None, BASE, slow_at_once=1)
    client = testing.TestClient(app)
    inner: list[testing.Result] = []

    class Login:
        def on_post(self, _request: falcon.Request, response: falcon.Response) -> None:
            if not inner:
                inner.append(client.simulate_post("/identity/v3/auth/tokens"))
            if fails:
                raise ValueError(PASSWORDS)
            response.media = {}

    app.add_route("/identity/v3/auth/tokens", Login())
    assert client.simulate_post("/identity/v3/auth/tokens").status_code == (500 if fails else 200)
    assert (inner[0].status_code, inner[0].headers["Retry-After"]) == (503, "1")
    assert client.simulate_post("/identity/v3/auth/tokens").status_code == (500 if fails else 200)
