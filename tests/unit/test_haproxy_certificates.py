"""How TERMINATED_HTTPS listeners are rendered, and where their keys go and do not go."""

from pathlib import Path

import pytest
from pydantic import ValidationError

import haproxy_graphs as g
from evener.dataplane.haproxy import tls
from evener.dataplane.haproxy.render import render
from evener.dataplane.haproxy.settings import Settings
from evener.resources.graph import Graph, TlsCertificate

DIR = Path("/var/lib/a directory/lbaas")
KEY = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n"


def certificate(number: int, chain: str = "") -> TlsCertificate:
    leaf = f"-----BEGIN CERTIFICATE-----\nleaf {number}\n-----END CERTIFICATE-----\n"
    return TlsCertificate(bundle=leaf + chain + KEY, fingerprint=f"{number:064x}", names=("a.example",))


def graph(*refs: str, known: dict[str, TlsCertificate], listeners=(), **given) -> Graph:
    front = g.listener(
        id=g.nth(1),
        protocol="TERMINATED_HTTPS",
        protocol_port=443,
        default_tls_container_ref=refs[0],
        sni_container_refs=refs[1:],
    )
    whole = g.graph(id=g.nth(9), listeners=[front, *listeners])
    return whole.model_copy(update={"certificates": known, **given})


def files_of(whole: Graph) -> dict[str, str]:
    return tls.files(render(whole, DIR, Settings()))


def text_of(whole: Graph) -> str:
    return render(whole, DIR, Settings()).text


def bind(whole: Graph) -> str:
    return next(each.strip() for each in text_of(whole).splitlines() if each.strip().startswith("bind "))


KNOWN = {"a": certificate(1), "b": certificate(2), "c": certificate(3)}


def bundles(files: dict[str, str]) -> list[str]:
    """The content of the certificates, in the order of the one list."""
    (listed,) = (text for name, text in files.items() if name.endswith(".list"))
    assert set(listed.splitlines()) == {name for name in files if name.endswith(".pem")}
    return [files[name] for name in listed.splitlines()]


def test_certificates_are_listed_with_the_default_first_and_each_once():
    files = files_of(graph("b", "a", "c", "b", "a", known=KNOWN))
    assert bundles(files) == [KNOWN[ref].bundle for ref in "bac"]


def test_a_hundred_certificates_fit_one_line():
    known = {str(number): certificate(number) for number in range(100)}
    assert len(bind(graph(*known, known=known)).split()) < 12
    assert len(files_of(graph(*known, known=known))) == 101


def test_other_certificates_leave_the_text_as_it_is_and_make_another_configuration():
    one = render(graph("a", "b", known=KNOWN), DIR, Settings())
    assert render(graph("a", "b", known=KNOWN), DIR, Settings()) == one
    renewed = {**KNOWN, "b": certificate(2, "an intermediate\n")}
    for other in (
        graph("b", "a", known=KNOWN),
        graph("a", known=KNOWN),
        graph("a", "c", known=KNOWN),
        graph("a", "b", known=renewed),
    ):
        rendered = render(other, DIR, Settings())
        assert rendered != one
        assert rendered.text == one.text


def test_what_a_file_other_than_the_default_and_the_list_holds_never_changes():
    seen: dict[str, str] = {}
    for refs in ("ab", "bc", "ca", "abc", "cba"):
        for name, text in files_of(graph(*refs, known=KNOWN)).items():
            if name not in (f"{g.nth(1)}.pem", f"{g.nth(1)}.list"):
                assert seen.setdefault(name, text) == text
    assert len(seen) == len(KNOWN)


def test_no_key_is_in_the_configuration_nor_in_what_is_shown_of_a_graph():
    whole = graph("a", known=KNOWN)
    assert "PRIVATE KEY" in "".join(files_of(whole).values())
    for text in (
        repr(render(whole, DIR, Settings())),
        text_of(whole),
        repr(whole),
        str(whole),
        f"{whole.certificates}",
    ):
        assert "PRIVATE" not in text
        assert "c2VjcmV0" not in text


def test_complaints_about_a_graph_do_not_quote_it():
    data = {**graph("a", known={}).model_dump(), "certificates": {"a": {"bundle": [KEY]}}}
    with pytest.raises(ValidationError) as caught:
        Graph.model_validate(data)
    assert "PRIVATE" not in str(caught.value)


def test_a_graph_comes_back_from_json_with_its_certificates():
    whole = graph("a", known=KNOWN)
    assert Graph.model_validate_json(whole.model_dump_json()) == whole


def test_a_listener_whose_default_certificate_is_unreadable_is_left_out_and_others_stay():
    whole = graph("x", "a", known=KNOWN, listeners=[g.listener(id=g.nth(2))])
    assert [front.name for front in render(whole, DIR, Settings()).frontends] == [g.nth(2)]
    assert files_of(whole) == {}


def test_a_name_whose_certificate_is_unreadable_gets_the_default():
    assert len(files_of(graph("a", "x", known=KNOWN))) == 2


def test_what_cannot_be_read_any_more_is_what_it_was():
    before = graph("a", "b", known=KNOWN)
    now = graph("a", "x", known={}, unreadable={"a": "gone", "x": "never there"})
    assert tls.with_known(now, before).certificates == {"a": KNOWN["a"]}
    assert tls.with_known(now, None) == now


def test_without_a_listener_that_terminates_tls_nothing_is_said_about_it():
    text = text_of(g.graph(listeners=[g.listener(protocol="HTTPS", protocol_port=443)]))
    assert "ssl" not in text.replace("httpclient.ssl", "")
    assert "crt" not in text


def test_servers_are_told_that_the_client_spoke_https():
    assert "http-request set-header X-Forwarded-Proto https" in text_of(graph("a", known=KNOWN))
    assert "ssl-min-ver TLSv1.2" in text_of(graph("a", known=KNOWN))
