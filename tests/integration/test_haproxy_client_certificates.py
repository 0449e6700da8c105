"""Clients that show certificates, through a real HAProxy: who is let in, and what members and policies are told."""

import ssl
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes

import haproxy_graphs as g
from evener.dataplane.haproxy import process
from evener.dataplane.haproxy.client_certificates import HEADERS
from evener.dataplane.haproxy.plan import Reload, ReplaceFile
from evener.resources.graph import Graph
from haproxy_rig import VIP, Rig, member_of
from made_certificates import Made, authorities, document, ec_key, make, revoked, rsa_key

pytestmark = [pytest.mark.root, pytest.mark.each_haproxy]

ROOT, UPPER, LOWER = authorities()
CLIENTS = make("Clients", ec_key(300), authority=True)
OTHERS = make("Others", ec_key(301), authority=True)
SERVER = make("www.example.com", rsa_key(1), LOWER, ("www.example.com",))
NAME = 'Ann "A" Example, Ltd'
GOOD = make(NAME, ec_key(302), CLIENTS)
REVOKED = make("Rob", ec_key(303), CLIENTS)
FOREIGN = make("Eve", ec_key(304), OTHERS)
EVERYBODY = {"good": GOOD, "revoked": REVOKED, "foreign": FOREIGN, "nobody": None}
FRONT = g.nth(4)
ALL = dict.fromkeys(HEADERS, "true")


def asking(how: str = "MANDATORY", crl: str | None = None, ca: str | None = "ca", **given):
    return g.listener(
        **{"id": FRONT, "protocol": "TERMINATED_HTTPS", "protocol_port": 443, "default_pool_id": g.nth(1)}
        | {"default_tls_container_ref": "www", "client_authentication": how}
        | {"client_ca_tls_container_ref": ca, "client_crl_container_ref": crl}
        | given
    )


def graph_of(rig: Rig, *listeners, policies=(), **trust: bytes) -> Graph:
    node = (g.pool(id=g.nth(1)), [member_of(rig.webs["web"], id=g.nth(10))], None)
    whole = g.graph(id=g.nth(9), listeners=listeners, pools=[node], addresses=[VIP], l7policies=policies)
    known = {"ca": CLIENTS.pem, "others": OTHERS.pem, "both": CLIENTS.pem + OTHERS.pem}
    lists = {"none": revoked(CLIENTS), "rob": revoked(CLIENTS, REVOKED), "of others": revoked(OTHERS)}
    trusted = {name: text.decode() for name, text in {**known, **trust}.items()}
    return whole.model_copy(
        update={
            "certificates": {"www": document(SERVER, (UPPER, LOWER))},
            "authorities": trusted,
            "revoked": {name: text.decode() for name, text in lists.items()},
        }
    )


@pytest.fixture
def rig(rig):
    rig.web("web")
    return rig


class Client:
    """A client with a certificate, or without."""

    def __init__(self, directory: Path, made: Made | None, version: ssl.TLSVersion | None = None) -> None:
        self.context = ssl.create_default_context(cadata=ROOT.pem.decode())
        self.context.check_hostname = False
        if version is not None:
            self.context.minimum_version = self.context.maximum_version = version
        if made is not None:
            file = directory / "client.pem"
            file.write_bytes(made.pem + made.key_pem())
            self.context.load_cert_chain(file)
        self.session: ssl.SSLSession | None = None

    def ask(self, rig: Rig, headers: str = "", path: str = "/") -> int:
        """Return the status of an answer; 0 where there is none, as for who is not let in."""
        try:
            channel = self.context.wrap_socket(
                rig.socket(443), server_hostname="www.example.com", session=self.session
            )
            with channel:
                request = f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{headers}\r\n"
                channel.sendall(request.encode())
                answer = channel.makefile("rb").read()
                self.session = channel.session
        except (ssl.SSLError, ConnectionError):
            return 0
        return int(answer.split()[1]) if answer else 0


@pytest.fixture
def client(tmp_path: Path):
    return lambda made, version=None: Client(tmp_path, made, version)


def let_in(rig: Rig, client) -> set[str]:
    return {name for name, made in EVERYBODY.items() if client(made).ask(rig) == 200}


@pytest.mark.parametrize(
    ("listener", "expected"),
    [
        (asking("NONE"), {"good", "revoked", "foreign", "nobody"}),
        (asking("OPTIONAL"), {"good", "revoked", "nobody"}),
        (asking("MANDATORY"), {"good", "revoked"}),
        (asking("MANDATORY", ca="both"), {"good", "revoked", "foreign"}),
        (asking("OPTIONAL", "rob"), {"good", "nobody"}),
        (asking("MANDATORY", "rob"), {"good"}),
        (asking("MANDATORY", "none"), {"good", "revoked"}),
    ],
)
def test_who_is_let_in(rig, client, listener, expected):
    rig.instance.apply(graph_of(rig, listener))
    assert let_in(rig, client) == expected


def test_nobody_is_let_in_where_it_cannot_be_known_whom_to_trust(rig, client):
    for lost in ({"authorities": {}}, {"revoked": {}}):
        whole = graph_of(rig, asking("OPTIONAL", "none"), g.listener(id=g.nth(5)))
        rig.another().apply(whole.model_copy(update={**lost, "unreadable": {"ca": "gone"}}))
        assert let_in_or_closed(rig, client) == set()
        rig.instance.remove()


def let_in_or_closed(rig: Rig, client) -> set[str]:
    with pytest.raises(ConnectionRefusedError):
        rig.socket(443)
    return set()


def test_authorities_that_cannot_be_read_again_go_on_as_they_were(rig, client):
    rig.instance.apply(graph_of(rig, asking("MANDATORY", "rob")))
    whole = graph_of(rig, asking("MANDATORY", "rob"))
    lost = {"authorities": {}, "revoked": {}, "unreadable": dict.fromkeys(("ca", "rob"), "gone")}
    assert rig.another().apply(whole.model_copy(update=lost)).steps == ()
    assert let_in(rig, client) == {"good"}


CHANGES = [
    (asking("MANDATORY", "none", "others"), None),  # the list is of others than these
    (asking("MANDATORY", "of others", "others"), {"foreign"}),
    (asking("MANDATORY", "rob"), {"good"}),
    (asking("MANDATORY", "none", "both"), None),
    (asking("MANDATORY", "none"), {"good", "revoked"}),
]


def test_authorities_and_lists_change_without_a_reload(rig, client):
    rig.instance.apply(graph_of(rig, asking("MANDATORY", "none")))
    before = process.workers(rig.instance.paths)
    for listener, expected in CHANGES * 2:
        whole = graph_of(rig, listener)
        steps = rig.instance.apply(whole).steps
        assert {type(step) for step in steps} == {ReplaceFile}
        assert expected is None or let_in(rig, client) == expected
        assert rig.another().apply(whole).steps == ()
    assert process.workers(rig.instance.paths) == before


def test_who_is_trusted_before_and_after_is_refused_at_no_moment(rig, client):
    """Authorities and the list go together, and each is put in by a command of its own."""
    ends = [graph_of(rig, asking("MANDATORY", "none")), graph_of(rig, asking("MANDATORY", "all", "both"))]
    both = {**ends[1].revoked, "all": (revoked(CLIENTS) + revoked(OTHERS)).decode()}
    ends[1] = ends[1].model_copy(update={"revoked": both})
    rig.instance.apply(ends[0])
    ended, answers = threading.Event(), []
    ann = client(GOOD)

    def ask() -> None:
        while not ended.is_set():
            ann.session = None
            answers.append(ann.ask(rig))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        for number in range(1, 21):
            assert Reload() not in rig.instance.apply(ends[number % 2]).steps
    finally:
        ended.set()
        thread.join()
    assert set(answers) == {200}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_who_is_revoked_cannot_go_on_with_the_session_of_before(rig, client, version):
    rig.instance.apply(graph_of(rig, asking("MANDATORY", "none")))
    rob = client(REVOKED, version)
    assert rob.ask(rig) == 200
    rig.instance.apply(graph_of(rig, asking("MANDATORY", "rob")))
    assert rob.ask(rig) == 0


def test_members_are_told_of_the_certificate_that_was_shown(rig, client):
    rig.instance.apply(graph_of(rig, asking("OPTIONAL", insert_headers=ALL)))
    assert client(GOOD).ask(rig) == client(None).ask(rig) == 200
    shown, absent = ({k: v for k, v in each[2].items() if "ssl" in k} for each in rig.webs["web"].requests)
    certificate = GOOD.certificate
    assert shown["x-ssl-client-verify"] == "0"
    assert shown["x-ssl-client-has-cert"] == "1"
    assert shown["x-ssl-client-cn"] == NAME
    assert shown["x-ssl-client-dn"] == f"/CN={NAME}"
    assert shown["x-ssl-issuer"] == "/CN=Clients"
    assert shown["x-ssl-client-sha1"] == certificate.fingerprint(hashes.SHA1()).hex().upper()
    for name, moment in (
        ("before", certificate.not_valid_before_utc),
        ("after", certificate.not_valid_after_utc),
    ):
        assert shown[f"x-ssl-client-not-{name}"] == f"{moment:%y%m%d%H%M%SZ}"
    assert absent["x-ssl-client-has-cert"] == "0"
    for name in ("client-cn", "client-dn", "issuer", "client-sha1", "client-not-before", "client-not-after"):
        assert absent[f"x-ssl-{name}"] == ""


def test_a_name_in_a_certificate_ends_no_header(rig, client):
    rig.instance.apply(graph_of(rig, asking("OPTIONAL", insert_headers=ALL)))
    assert client(make("Mal\r\nX-Admin: yes", ec_key(305), CLIENTS)).ask(rig) == 200
    ((_, _, headers),) = rig.webs["web"].requests
    assert headers["x-ssl-client-cn"] == "Mal%0D%0AX-Admin: yes"
    assert "x-admin" not in headers


@pytest.mark.parametrize(
    "asked", [ALL, {"X-SSL-Client-Has-Cert": "true"}, {"X-SSL-Client-Has-Cert": "false"}, {}]
)
def test_no_client_tells_members_such_a_thing_itself(rig, client, asked):
    rig.instance.apply(graph_of(rig, asking("OPTIONAL", insert_headers=asked)))
    written = [
        *HEADERS,
        *(name.replace("-", "_") for name in HEADERS),
        "x-SSL_client-dn",
        "X-SSL-CLIENT-VERIFY",
    ]
    forged = "".join(f"{name}: forged\r\nX-Other: kept\r\n" for name in written)
    assert client(None).ask(rig, forged) == 200
    ((_, _, headers),) = rig.webs["web"].requests
    assert "forged" not in headers.values()
    assert headers["x-other"] == "kept"
    expected = {name.lower() for name, value in asked.items() if value == "true"}
    assert {name for name in headers if name.startswith("x-ssl")} == expected


RULES = [  # a rule, and who it is for
    ({"type": "SSL_CONN_HAS_CERT", "compare_type": "EQUAL_TO", "value": "true"}, {"good", "revoked"}),
    ({"type": "SSL_VERIFY_RESULT", "compare_type": "EQUAL_TO", "value": "0"}, {"good", "revoked", "nobody"}),
    ({"type": "SSL_VERIFY_RESULT", "compare_type": "EQUAL_TO", "value": "10"}, set()),
    ({"type": "SSL_DN_FIELD", "key": "CN", "compare_type": "EQUAL_TO", "value": "Rob"}, {"revoked"}),
    ({"type": "SSL_DN_FIELD", "key": "CN", "compare_type": "STARTS_WITH", "value": 'Ann "A"'}, {"good"}),
    ({"type": "SSL_DN_FIELD", "key": "CN", "compare_type": "REGEX", "value": "^R.b$"}, {"revoked"}),
    ({"type": "SSL_DN_FIELD", "key": "CN", "compare_type": "CONTAINS", "value": ", L"}, {"good"}),
    ({"type": "SSL_DN_FIELD", "key": "CN", "compare_type": "ENDS_WITH", "value": "Ltd"}, {"good"}),
    ({"type": "SSL_DN_FIELD", "key": "OU", "compare_type": "EQUAL_TO", "value": "Rob"}, set()),
]


@pytest.mark.parametrize(("rule", "expected"), RULES)
@pytest.mark.parametrize("invert", [False, True])
def test_policies_see_who_a_client_is(rig, client, rule, expected, invert):
    rejecting = g.policy(g.rule(**rule, invert=invert), listener_id=FRONT)
    rig.instance.apply(graph_of(rig, asking("OPTIONAL"), policies=(rejecting,)))
    asked = {"good": GOOD, "revoked": REVOKED, "nobody": None}
    refused = {name for name, made in asked.items() if client(made).ask(rig) == 403}
    assert refused == (asked.keys() - expected if invert else expected)


def test_metrics_are_told_by_tls_to_who_is_let_in(rig, client):
    exporter = {"protocol": "PROMETHEUS", "default_pool_id": None, "protocol_port": 443}
    rig.instance.apply(graph_of(rig, asking("MANDATORY", "rob", **exporter)))
    told = {name for name, made in EVERYBODY.items() if client(made).ask(rig, path="/metrics") == 200}
    assert told == {"good"}
    assert client(GOOD).ask(rig, path="/") == 404
    plain = asking("NONE", ca=None, default_tls_container_ref=None, **exporter)
    rig.instance.apply(graph_of(rig, plain))
    status, text = rig.get(port=443, path="/metrics")
    assert (status, "octavia_listener_status" in text) == (200, True)
