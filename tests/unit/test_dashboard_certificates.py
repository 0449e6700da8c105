"""Certificates on the dashboard: what is uploaded and how, what is said of those that are there."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from test_dashboard import ONE, Said, csrf, logged_in

from evener.dashboard import expiry, wizard
from evener.dashboard.cloud import Refused
from made_certificates import authorities, served

SECRET = "http://192.0.2.1/v1/secrets/33333333-3333-3333-3333-333333333333"
CONTAINER = "http://192.0.2.1/v1/containers/44444444-4444-4444-4444-444444444444"
KEPT = {
    **ONE,
    "GET /subnets": {"subnets": []},
    "GET /ports": {"ports": []},
    "GET /containers": {"containers": [], "total": 0},
    "GET /secrets": {"secrets": []},
    "POST /secrets": {"secret_ref": SECRET},
    "POST /containers": {"container_ref": CONTAINER},
}
BOUNDARY = "a-boundary"
MADE = served()
PEM, KEY, AUTHORITY = MADE.pem, MADE.key_pem(), authorities()[0].pem


def upload(cloud: Said, path: str, fields: dict[str, str], files: dict[str, bytes]) -> Any:
    browser = logged_in(cloud)
    parts = [
        *((f'name="{name}"', text.encode()) for name, text in (fields | {"csrf": csrf(browser)}).items()),
        *((f'name="upload.{name}"; filename="f"', content) for name, content in files.items()),
    ]
    body = b"".join(
        f"--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + content + b"\r\n"
        for head, content in parts
    )
    return browser.simulate_post(
        f"/dashboard{path}",
        body=body + f"--{BOUNDARY}--\r\n".encode(),
        content_type=f"multipart/form-data; boundary={BOUNDARY}",
    )


def told(cloud: Said, path: str) -> list[Any]:
    return [body for method, asked, body in cloud.asked if method == "POST" and asked == path]


def test_a_file_with_all_of_it_is_taken_apart() -> None:
    cloud = Said(KEPT)
    answer = upload(
        cloud, "/certificates/upload", {"upload.name": "www"}, {"certificate": KEY + PEM + AUTHORITY}
    )
    assert answer.status_code == 303
    secrets = told(cloud, "/secrets")
    assert [each["name"] for each in secrets] == ["www certificate", "www private_key", "www intermediates"]
    assert [each["payload"].encode() for each in secrets] == [PEM, KEY, AUTHORITY]
    (container,) = told(cloud, "/containers")
    assert [each["name"] for each in container["secret_refs"]] == [
        "certificate",
        "private_key",
        "intermediates",
    ]


def test_a_bundle_without_a_passphrase_is_one_secret_as_octavia_takes_it() -> None:
    cloud = Said(KEPT)
    upload(cloud, "/certificates/upload", {"upload.name": "www"}, {"certificate": b"\x30\x82\xff"})
    (secret,) = told(cloud, "/secrets")
    assert base64.b64decode(secret["payload"]) == b"\x30\x82\xff"
    assert secret["secret_type"] == "opaque"
    assert told(cloud, "/containers") == []


def test_what_the_key_manager_refuses_is_said_and_nothing_is_left() -> None:
    path = f"DELETE /secrets/{SECRET.rpartition('/')[2]}"
    cloud = Said(KEPT | {"POST /containers": Refused(400, "It does not like that"), path: {}})
    answer = upload(cloud, "/certificates/upload", {}, {"certificate": PEM, "private_key": KEY})
    assert answer.status_code == 400
    assert "It does not like that" in answer.text
    assert len([each for each in cloud.asked if each[0] == "DELETE"]) == 2
    nothing = upload(Said(KEPT), "/certificates/upload", {}, {"certificate": b""})
    assert 'id="wrong-upload-certificate"' in nothing.text


def test_the_wizard_uploads_a_certificate_and_names_it_to_the_listener() -> None:
    cloud = Said(KEPT | {"POST /lbaas/loadbalancers": Refused(409, "Something else is wrong")})
    fields = {"listener.protocol": "TERMINATED_HTTPS", "loadbalancer.name": "typed"}
    answer = upload(cloud, "/balancers/create", fields, {"certificate": PEM, "private_key": KEY})
    ((listener,),) = [each["loadbalancer"]["listeners"] for each in told(cloud, "/lbaas/loadbalancers")]
    assert listener["default_tls_container_ref"] == CONTAINER
    assert listener["default_pool"]["protocol"] == "HTTP"
    assert f'value="{CONTAINER}" selected' in answer.text  # it is not uploaded twice


def test_the_wizard_takes_as_many_members_as_are_picked() -> None:
    cloud = Said(KEPT | {"POST /lbaas/loadbalancers": {"loadbalancer": {"id": "new"}}})
    browser = logged_in(cloud)
    picked = [("members.picked", f'{{"address": "192.0.2.{number}"}}') for number in range(1, 200)]
    fields = [("csrf", csrf(browser)), ("listener.protocol", "TCP"), *picked]
    body = "".join(
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'
        for name, text in fields
    )
    answer = browser.simulate_post(
        "/dashboard/balancers/create",
        body=f"{body}--{BOUNDARY}--\r\n",
        content_type=f"multipart/form-data; boundary={BOUNDARY}",
    )
    assert answer.status_code == 303
    (made,) = told(cloud, "/lbaas/loadbalancers")
    assert len(made["loadbalancer"]["listeners"][0]["default_pool"]["members"]) == 199


def test_the_wizard_makes_a_policy_with_its_rule() -> None:
    given = dict(wizard.FIRST) | {
        "rule.value": "/api",
        "l7policy.action": "REDIRECT_TO_POOL",
        "l7policy.addresses": "192.0.2.9 8080",
    }
    (policy,) = wizard.body(given, [])["listeners"][0]["l7policies"]
    assert policy == {
        "action": "REDIRECT_TO_POOL",
        "redirect_pool": {
            "name": "other pool",
            "protocol": "HTTP",
            "lb_algorithm": "ROUND_ROBIN",
            "members": [{"address": "192.0.2.9", "protocol_port": 8080}],
        },
        "rules": [{"type": "PATH", "compare_type": "STARTS_WITH", "value": "/api"}],
    }


def test_the_page_says_for_whom_and_until_when_certificates_are() -> None:
    identity = SECRET.rpartition("/")[2]
    container = {
        "container_ref": CONTAINER,
        "name": "<b>",
        "secret_refs": [{"name": "certificate", "secret_ref": SECRET}],
        "consumers": [{"name": "listener", "URL": "x"}],
    }
    found = {"containers": [container], "total": 1}
    browser = logged_in(Said(KEPT | {"GET /containers": found, f"GET /secrets/{identity}/payload": PEM}))
    text = browser.simulate_get("/dashboard/certificates").text
    assert "www.example.com" in text
    assert "&lt;b&gt;" in text
    assert MADE.certificate.not_valid_after_utc.strftime("%Y-%m-%d %H:%M") in text


@pytest.mark.parametrize("content", [b"", b"nonsense", b"-----BEGIN CERTIFICATE-----", b"\x30" * 70_000])
def test_what_is_no_certificate_says_nothing(content: bytes) -> None:
    assert expiry.read(content) is None


def test_a_certificate_that_ends_soon_is_told_from_one_that_has_ended() -> None:
    ends = MADE.certificate.not_valid_after_utc
    for before, soon, ended in (
        (timedelta(60), False, False),
        (timedelta(9), True, False),
        (-timedelta(1), True, True),
    ):
        seen = expiry.read(PEM, ends - before)
        assert seen is not None
        assert (seen.is_soon, seen.has_ended) == (soon, ended)
    assert datetime.now(UTC) < ends
