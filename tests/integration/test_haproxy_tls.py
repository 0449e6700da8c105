"""TERMINATED_HTTPS through a real HAProxy, as TLS clients see it."""

import contextlib
import os
import re
import signal
import socket
import ssl
import stat
import subprocess
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

import haproxy_graphs as g
from evener.dataplane.haproxy import process, runtime, tls
from evener.dataplane.haproxy.commands import commands
from evener.dataplane.haproxy.errors import Refused
from evener.dataplane.haproxy.plan import (
    AddCertificate,
    Reload,
    RemoveCertificate,
    ReplaceCertificate,
    Start,
)
from evener.dataplane.haproxy.render import render
from evener.host import netns
from evener.resources.graph import Graph, TlsCertificate
from haproxy_rig import VIP, PatientInstance, Rig, member_of
from made_certificates import Made, authorities, document, ec_key, make, rsa_key
from waiting import eventually

pytestmark = [pytest.mark.root, pytest.mark.each_haproxy]

ROOT, UPPER, LOWER = authorities()
DEFAULT = make("default.example.com", rsa_key(1), LOWER, ("default.example.com",))
OTHER = make("other.example.com", rsa_key(2), LOWER, ("other.example.com",))
WILD = make("wild", ec_key(3), LOWER, ("*.shop.example.com",))
BOTH_RSA = make("both.example.com", rsa_key(4), LOWER, ("both.example.com",))
BOTH_EC = make("both.example.com", ec_key(4), LOWER, ("both.example.com",))
RENEWED = make("default.example.com", rsa_key(5), LOWER, ("default.example.com",))
MADE = {"default": DEFAULT, "other": OTHER, "wild": WILD, "rsa": BOTH_RSA, "ec": BOTH_EC}
FRONT, PLAIN = g.nth(4), g.nth(5)


def terminated(*refs: str, **given):
    return g.listener(
        **{"id": FRONT, "protocol": "TERMINATED_HTTPS", "protocol_port": 443, "default_pool_id": g.nth(1)}
        | {"default_tls_container_ref": refs[0], "sni_container_refs": refs[1:]}
        | given
    )


def with_certificates(rig: Rig, *listeners, **made: Made) -> Graph:
    node = (g.pool(id=g.nth(1)), [member_of(rig.webs["web"], id=g.nth(10))], None)
    whole = g.graph(id=g.nth(9), listeners=listeners, pools=[node], addresses=[VIP])
    known = {ref: document(each, (UPPER, LOWER)) for ref, each in (made or MADE).items()}
    return whole.model_copy(update={"certificates": known})


@pytest.fixture
def rig(rig):
    rig.web("web")
    return rig


@pytest.fixture
def serving(rig: Rig) -> Rig:
    rig.instance.apply(with_certificates(rig, terminated(*MADE)))
    return rig


def trusting(ciphers: str = "") -> ssl.SSLContext:
    """A client that knows the root only: it needs the intermediates."""
    context = ssl.create_default_context(cadata=ROOT.pem.decode())
    if ciphers:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(ciphers)
    return context


def shake(
    rig: Rig, name: str | None, context: ssl.SSLContext | None = None, port: int = 443
) -> ssl.SSLSocket:
    context = context or trusting()
    context.check_hostname = False
    return context.wrap_socket(rig.socket(port), server_hostname=name)


def shown(rig: Rig, name: str | None, context: ssl.SSLContext | None = None) -> x509.Certificate:
    with shake(rig, name, context) as channel:
        return x509.load_der_x509_certificate(channel.getpeercert(binary_form=True))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (None, DEFAULT),
        ("default.example.com", DEFAULT),
        ("nobody.example.com", DEFAULT),
        ("other.example.com", OTHER),
        ("OTHER.example.com", OTHER),
        ("any.shop.example.com", WILD),
        ("one.any.shop.example.com", DEFAULT),
        ("shop.example.com", DEFAULT),
    ],
)
def test_a_client_is_shown_the_certificate_of_the_name_it_asks_for(serving, name, expected):
    assert shown(serving, name) == expected.certificate


def test_a_name_has_an_rsa_and_an_ecdsa_certificate_and_the_client_gets_what_it_can_check(serving):
    assert shown(serving, "both.example.com", trusting("ECDHE-RSA-AES128-GCM-SHA256")) == BOTH_RSA.certificate
    assert (
        shown(serving, "both.example.com", trusting("ECDHE-ECDSA-AES128-GCM-SHA256")) == BOTH_EC.certificate
    )


def test_the_intermediates_are_sent_in_order_and_the_root_is_not(serving):
    command = [
        "openssl",
        "s_client",
        "-connect",
        f"{VIP}:443",
        "-servername",
        "other.example.com",
        "-showcerts",
    ]
    with netns.inside(serving.namespace):
        said = subprocess.run(
            command, input="", capture_output=True, text=True, timeout=60, check=False
        ).stdout
    sent = re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", said, re.DOTALL)
    expected = [each.certificate.public_bytes(Encoding.PEM).decode() for each in (OTHER, LOWER, UPPER)]
    assert sent == expected


def test_requests_reach_the_members_over_http_and_say_that_the_client_spoke_https(serving):
    with shake(serving, "default.example.com") as channel:
        channel.sendall(
            b"GET /x HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: gopher\r\nConnection: close\r\n\r\n"
        )
        assert channel.makefile("rb").read().endswith(b"web")
    ((_, path, headers),) = serving.webs["web"].requests
    assert (path, headers["x-forwarded-proto"], headers["x-forwarded-port"]) == ("/x", "https", "443")
    assert "x-forwarded-for" in headers


@pytest.mark.parametrize(("options", "works"), [("-tls1_3", True), ("-tls1_2", True), ("-tls1_1", False)])
def test_tls_1_2_and_1_3_are_spoken_and_1_1_is_not(serving, options, works):
    command = ["openssl", "s_client", "-connect", f"{VIP}:443", options, "-cipher", "ALL:@SECLEVEL=0"]
    with netns.inside(serving.namespace):
        ended = subprocess.run(command, input=b"", capture_output=True, timeout=60, check=False)
    assert (ended.returncode == 0) is works


@pytest.mark.parametrize("cipher", [each for each in tls.CIPHERS if "ECDSA" not in each])
def test_every_cipher_of_the_list_works(serving, cipher):
    with shake(serving, "default.example.com", trusting(cipher)) as channel:
        assert channel.cipher()[0] == cipher


@pytest.mark.parametrize("cipher", ["AES128-SHA", "ECDHE-RSA-AES128-SHA", "AES256-GCM-SHA384"])
def test_ciphers_without_forward_secrecy_or_authentication_are_refused(serving, cipher):
    with pytest.raises(ssl.SSLError):
        shown(serving, None, trusting(cipher))


def test_a_client_that_offers_http_2_gets_it(serving):
    for offered, chosen in ((["h2", "http/1.1"], "h2"), (["http/1.1"], "http/1.1"), (["gopher"], None)):
        context = trusting()
        context.set_alpn_protocols(offered)
        with shake(serving, "default.example.com", context) as channel:
            assert channel.selected_alpn_protocol() == chosen


def test_requests_in_http_2_are_answered(serving):
    if "HTTP2" not in subprocess.run(["curl", "-V"], capture_output=True, text=True, check=True).stdout:
        pytest.skip("this curl speaks no HTTP/2")
    command = ["curl", "-skS", "--http2", "-w", " %{http_version}", f"https://{VIP}/"]
    with netns.inside(serving.namespace):
        assert subprocess.run(command, capture_output=True, timeout=60, check=True).stdout == b"web 2"


def test_policies_see_what_is_inside(rig):
    rejecting = g.policy(g.rule(value="/secret"), listener_id=FRONT)
    whole = with_certificates(rig, terminated("default"))
    rig.instance.apply(whole.model_copy(update={"l7policies": (rejecting,)}))
    for path, expected in ((b"/secret", b"403"), (b"/", b"200")):
        with shake(rig, None) as channel:
            channel.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            assert channel.makefile("rb").readline().split()[1] == expected


CHANGES = [  # the references of a listener, default first, and what clients see that ask for no name, or for one
    (("other",), {None: OTHER}),
    (("wild", "other"), {None: WILD, "other.example.com": OTHER}),
    (("default", "wild", "other"), {None: DEFAULT, "a.shop.example.com": WILD, "other.example.com": OTHER}),
    (("default", "rsa", "ec", "other"), {"both.example.com": None, "other.example.com": OTHER}),
    (("renewed", "ec"), {None: RENEWED, "default.example.com": RENEWED, "both.example.com": BOTH_EC}),
]


def test_certificates_are_replaced_twenty_times_without_a_reload_and_no_handshake_fails(serving):
    before = process.workers(serving.instance.paths)
    held = shake(serving, None)
    known = {**MADE, "renewed": RENEWED}
    with handshakes(serving) as made:
        for refs, expected in CHANGES * 4:
            seen = made()
            whole = with_certificates(serving, terminated(*refs), **known)
            steps = serving.instance.apply(whole).steps
            assert steps
            assert {type(step) for step in steps} <= {AddCertificate, ReplaceCertificate, RemoveCertificate}
            for name, certificate in expected.items():
                assert certificate is None or shown(serving, name) == certificate.certificate
            eventually(lambda seen=seen: made() > seen)
            assert serving.another().apply(whole).steps == ()
    assert process.workers(serving.instance.paths) == before
    held.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert held.makefile("rb").read().endswith(b"web")


@contextlib.contextmanager
def handshakes(rig: Rig):
    """Shake hands in a loop, while the block runs; yields how often it was done, and no time may have failed."""
    failures: list[str] = []
    ended = threading.Event()
    made = [0, 0]

    def connect(number: int) -> None:
        while not ended.is_set():
            try:
                shown(rig, "other.example.com" if number else None)
                made[number] += 1
            except OSError as error:
                failures.append(repr(error))

    threads = [threading.Thread(target=connect, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield lambda: min(made)
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert not failures
    assert all(made)


def test_a_crash_comes_back_with_the_certificates_that_were_put_in_at_run_time(serving):
    whole = with_certificates(serving, terminated("other", "wild"))
    assert Reload() not in serving.instance.apply(whole).steps
    os.kill(serving.instance.pid, signal.SIGKILL)
    eventually(lambda: not serving.instance.check())
    assert serving.another().apply(whole).steps == (Start(),)
    assert shown(serving, None) == OTHER.certificate
    assert shown(serving, "a.shop.example.com") == WILD.certificate


def test_what_an_agent_left_half_done_is_reloaded_by_the_next(serving):
    step = ReplaceCertificate(
        render(with_certificates(serving, terminated("other")), serving.directory, serving.settings)
        .frontends[0]
        .certificates[0]
    )
    serving.instance.paths.half_done.touch()
    runtime.tell(serving.instance.paths.socket, commands(step))
    assert shown(serving, None) == OTHER.certificate
    assert serving.another().apply(with_certificates(serving, terminated(*MADE))).steps == (Reload(),)
    assert shown(serving, None) == DEFAULT.certificate


def test_two_certificates_for_the_same_clients_are_kept_in_order_by_a_reload(serving):
    known = {**MADE, "renewed": RENEWED}
    serving.instance.apply(with_certificates(serving, terminated("wild")))
    for refs, step in (
        (("wild", "default", "renewed"), AddCertificate),
        (("wild", "renewed", "default"), Reload),
        (("renewed", "default", "wild"), Reload),
    ):
        steps = serving.instance.apply(with_certificates(serving, terminated(*refs), **known)).steps
        assert isinstance(steps[0], step)
        first = known[next(ref for ref in refs if ref != "wild")]
        assert shown(serving, "default.example.com") == first.certificate


@pytest.mark.parametrize("broken", ["no certificate", "one whose key is of another", "a long one"])
def test_a_certificate_that_haproxy_does_not_take_leaves_what_was_there(serving, broken):
    before = {path.name: path.read_bytes() for path in (serving.directory / "certs").iterdir()}
    bundle = {
        "no certificate": "nothing\n",
        "one whose key is of another": (OTHER.pem + DEFAULT.key_pem()).decode(),
        "a long one": "-----BEGIN CERTIFICATE-----\n" + "AAAA" * 5000 + "\n-----END CERTIFICATE-----\n",
    }[broken]
    whole = with_certificates(serving, terminated("bad", "wild"))
    bad = TlsCertificate(bundle=bundle, fingerprint="0" * 64)
    with pytest.raises(Refused):
        serving.instance.apply(whole.model_copy(update={"certificates": {**whole.certificates, "bad": bad}}))
    assert {path.name: path.read_bytes() for path in (serving.directory / "certs").iterdir()}.items() >= (
        before.items()
    )
    assert shown(serving, None) == DEFAULT.certificate
    assert serving.instance.apply(with_certificates(serving, terminated(*MADE))).steps == ()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_keys_lie_in_files_for_root_only_and_go_when_nobody_uses_them(serving):
    directory = serving.directory
    kept = list((directory / "certs").iterdir())
    assert len([path for path in kept if path.suffix == ".pem"]) == len(MADE)
    assert {mode(path) for path in kept} == {0o600}
    assert mode(directory / "certs") == 0o700
    assert mode(directory / "graph.json") == 0o600
    with_keys = {
        path.name for path in directory.rglob("*") if path.is_file() and b"PRIVATE KEY" in path.read_bytes()
    }
    assert with_keys == {path.name for path in kept if path.suffix == ".pem"} | {"graph.json"}

    serving.instance.apply(with_certificates(serving, terminated("other", "ec")))
    assert len(list((directory / "certs").glob("*.pem"))) == 2

    serving.instance.apply(with_certificates(serving, g.listener(id=PLAIN)))
    assert not (directory / "certs").exists()


def test_the_same_again_changes_nothing_also_for_an_agent_that_starts_anew(serving):
    whole = with_certificates(serving, terminated(*MADE))
    assert serving.instance.apply(whole).steps == ()
    assert serving.another().apply(whole).steps == ()


def test_a_certificate_that_cannot_be_read_any_more_is_shown_as_long_as_it_is_known(serving):
    later = with_certificates(serving, terminated("default"), g.listener(id=PLAIN))
    lost = later.model_copy(update={"certificates": {}, "unreadable": {"default": "no key"}})
    serving.another().apply(lost)
    assert shown(serving, None) == DEFAULT.certificate
    assert serving.get() == (503, serving.get()[1])


def test_a_listener_without_a_certificate_does_not_listen_and_others_do(rig):
    plain = g.listener(id=PLAIN, default_pool_id=g.nth(1))
    whole = with_certificates(rig, terminated("lost"), plain)
    rig.instance.apply(whole.model_copy(update={"unreadable": {"lost": "gone"}}))
    assert rig.get() == (200, "web")
    with pytest.raises(ConnectionRefusedError):
        rig.socket(443)


def test_a_taken_port_is_found_before_the_reload(rig):
    plain = g.listener(id=PLAIN, default_pool_id=g.nth(1))
    rig.instance.apply(with_certificates(rig, plain))
    with netns.inside(rig.namespace):
        intruder = socket.create_server((VIP, 443))
    with intruder, pytest.raises(Refused, match=r"(?i)cannot bind socket"):
        rig.instance.apply(with_certificates(rig, plain, terminated("default")))
    assert rig.get() == (200, "web")
    rig.instance.apply(with_certificates(rig, plain, terminated("default")))
    assert shown(rig, None) == DEFAULT.certificate


def test_a_handshake_that_does_not_go_on_ends_at_its_deadline(serving):
    if not serving.settings.bounds_handshakes:
        pytest.skip("this HAProxy bounds handshakes by 50 seconds only")
    serving.instance.remove()
    serving.instance = PatientInstance(
        serving.directory, serving.namespace, replace(serving.settings, handshake_timeout_s=1)
    )
    serving.instance.apply(with_certificates(serving, terminated("default")))
    with serving.socket(443) as silent, serving.socket(443) as begun:
        begun.sendall(b"\x16\x03\x01\x02\x00")
        for client in (silent, begun):
            client.settimeout(10)
            assert client.recv(1) == b""


def test_the_cookie_of_a_session_is_for_no_script_and_stays_behind_tls_where_it_came_from_there(serving):
    front, plain = terminated("default"), g.listener(id=PLAIN, default_pool_id=g.nth(1))
    whole = with_certificates(serving, front, plain)
    (node,) = whole.pools
    pool = g.pool(id=g.nth(1), session_persistence={"type": "HTTP_COOKIE"})
    serving.instance.apply(g.altered(whole, pools=(node.model_copy(update={"pool": pool}),)))

    def attributes(client: socket.socket) -> set[str]:
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        answer = b""
        while part := client.recv(4096):
            answer += part
        (cookie,) = re.findall(r"(?i)set-cookie: SRV=\w+; *(.*)\r\n", answer.decode())
        return {each.strip().lower() for each in cookie.split(";")}

    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with context.wrap_socket(serving.socket(443)) as client:
        assert attributes(client) == {"path=/", "httponly", "secure"}
    with serving.socket(80) as client:
        assert attributes(client) == {"path=/", "httponly"}
