"""Nothing that was typed is lost: sessions that end, forms of another session, an API that does not answer."""

import html
import re

from test_dashboard import LB, ONE, Said, client, csrf, log_in, logged_in, sent

from evener.dashboard.app import COOKIE
from evener.dashboard.cloud import Away, LoggedOut

WHOLE = {**ONE, "GET /subnets": {"subnets": []}, "GET /ports": {"ports": []}}
FORM = {
    "loadbalancer.name": 'typed "name" <b>',
    "listener.protocol": "TCP",
    "members.addresses": "192.0.2.1\r\n192.0.2.2",
    "members.picked": '{"address": "192.0.2.8", "subnet_id": "s"}',
    "upload.passphrase": "a secret",
}


def kept_in(text: str) -> str:
    found = re.search(r'name="kept" value="([^"]*)"', text)
    assert found is not None
    return html.unescape(found[1])


def test_a_session_that_ends_in_the_wizard_takes_nothing_that_was_typed_with_it() -> None:
    cloud = Said(WHOLE | {"POST /lbaas/loadbalancers": LoggedOut("the token has ended")})
    browser = logged_in(cloud)
    answer = sent(browser, "/balancers/create", FORM | {"csrf": csrf(browser)})
    assert answer.status_code == 401
    assert "The session has ended" in answer.text
    assert "a secret" not in answer.text

    again = client(cloud)
    again.app = browser.app
    wrong = log_in(again, password="wrong", next="/dashboard/balancers/create", kept=kept_in(answer.text))
    login = log_in(again, next="/dashboard/balancers/create", kept=kept_in(wrong.text))
    assert login.headers["Location"] == "/dashboard/balancers/create"
    cookie = {"Cookie": f"{COOKIE}={login.cookies[COOKIE].value}"}
    text = browser.simulate_get("/dashboard/balancers/create", headers=cookie).text
    assert 'value="typed &#34;name&#34; &lt;b&gt;"' in text
    assert '<option value="TCP" selected>' in text
    assert "192.0.2.1\n192.0.2.2</textarea>" in text
    once_more = browser.simulate_get("/dashboard/balancers/create", headers=cookie).text
    assert "typed" not in once_more  # it comes back once


def test_a_form_of_another_session_does_nothing_and_can_be_sent_again() -> None:
    cloud = Said(WHOLE)
    browser = logged_in(cloud)
    answer = sent(browser, f"/balancers/{LB}/listeners/create", {"csrf": "of before", "name": "typed"})
    assert answer.status_code == 403
    assert 'name="name" value="typed"' in answer.text
    assert f'name="csrf" value="{csrf(browser)}"' in answer.text
    assert not [each for each in cloud.asked if each[0] == "POST"]


def test_what_an_api_that_does_not_answer_was_told_can_be_told_again() -> None:
    browser = logged_in(Said(WHOLE | {"POST /lbaas/listeners": Away("it does not answer")}))
    form = {"csrf": csrf(browser), "name": "typed"}
    answer = sent(browser, f"/balancers/{LB}/listeners/create", form)
    assert answer.status_code == 503
    assert 'name="name" value="typed"' in answer.text


def test_what_is_no_kept_form_is_nothing() -> None:
    browser = client(Said(WHOLE))
    for text in ("nonsense", "[]", '{"a": 1}', '{"loadbalancer.name": [["x"]]}'):
        login = log_in(browser, next="/dashboard/balancers/create", kept=text)
        cookie = {"Cookie": f"{COOKIE}={login.cookies[COOKIE].value}"}
        assert browser.simulate_get("/dashboard/balancers/create", headers=cookie).status_code == 200
