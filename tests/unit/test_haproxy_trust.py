"""What it takes to trust others than before: pure, from one configuration to the next."""

from pathlib import Path

import haproxy_graphs as g
from evener.dataplane.haproxy.commands import commands
from evener.dataplane.haproxy.model import Config, TlsFile
from evener.dataplane.haproxy.plan import AddServer, LoadFile, Reload, ReplaceFile, plan
from evener.dataplane.haproxy.render import render
from evener.dataplane.haproxy.settings import Settings
from evener.resources.graph import TlsCertificate

FRONT, POOL = g.nth(1), g.nth(2)
LONG = "x" * 15_001


def config(
    *, members: int = 1, certificate: str = "a", texts: tuple[str, str] = ("1", "2"), **given
) -> Config:
    own = {"default_tls_container_ref": certificate, "client_authentication": "MANDATORY"}
    own |= {"client_ca_tls_container_ref": "ca", "client_crl_container_ref": "crl"}
    front = g.listener(id=FRONT, protocol="TERMINATED_HTTPS", default_pool_id=POOL, **own | given)
    tls = {
        "tls_enabled": True,
        "tls_container_ref": "p",
        "ca_tls_container_ref": "ca",
        "crl_container_ref": "crl",
    }
    there = [g.member(id=g.nth(10 + number)) for number in range(members)]
    graph = g.graph(id=g.nth(3), listeners=[front], pools=[(g.pool(id=POOL, **tls), there, None)])
    known = {ref: TlsCertificate(bundle=f"{ref}\n", fingerprint="0" * 64) for ref in "abp"}
    trusted = {"authorities": {"ca": texts[0]}, "revoked": {"crl": texts[1]}}
    return render(g.altered(graph, certificates=known, **trusted), Path("/lb"), Settings())


def front_only(config: Config) -> Config:
    return Config(config.global_lines, config.defaults_lines, config.peers_lines, config.frontends)


def test_a_list_alone_is_replaced_and_both_go_by_way_of_both() -> None:
    old = front_only(config())
    ca, crl = (each.name for each in old.frontends[0].trust)
    alone = plan(old, front_only(config(texts=("1", "3"))))
    assert alone == (ReplaceFile(TlsFile("crl-file", crl, "3")),)
    assert plan(old, front_only(config(texts=("4", "3")))) == (
        ReplaceFile(TlsFile("ca-file", ca, "14")),
        ReplaceFile(TlsFile("crl-file", crl, "23")),
        ReplaceFile(TlsFile("ca-file", ca, "4")),
        ReplaceFile(TlsFile("crl-file", crl, "3")),
    )


def test_what_fits_no_command_is_reloaded() -> None:
    old = front_only(config())
    assert plan(old, front_only(config(texts=("1", LONG)))) == (Reload(),)
    assert plan(config(members=0, texts=("1", LONG)), config(texts=("1", LONG))) == (Reload(),)


def test_another_certificate_is_reloaded_where_clients_are_asked_for_theirs() -> None:
    assert plan(front_only(config()), front_only(config(certificate="b"))) == (Reload(),)
    nobody = {"client_authentication": "NONE"}
    steps = plan(front_only(config(**nobody)), front_only(config(certificate="b", **nobody)))
    assert steps
    assert Reload() not in steps


def test_whom_a_pool_trusts_is_reloaded() -> None:
    assert plan(config(), config(texts=("4", "2"))) == (Reload(),)


def test_the_first_member_comes_with_the_files_of_its_pool() -> None:
    steps = plan(config(members=0), config(members=2))
    assert [type(each) for each in steps] == [LoadFile, LoadFile, LoadFile, AddServer, AddServer]
    assert [each.file.kind for each in steps[:3]] == ["cert", "ca-file", "crl-file"]
    assert plan(config(members=1), config(members=2)) == steps[4:]


def test_no_key_is_in_a_representation() -> None:
    assert "p\\n" not in repr(config())


def test_commands_load_and_replace() -> None:
    file = TlsFile("crl-file", "x-crl.pem", "A\n\nB\n")
    replace = ("set ssl crl-file certs/x-crl.pem <<\nA\nB\n", "commit ssl crl-file certs/x-crl.pem")
    assert commands(ReplaceFile(file)) == replace
    assert commands(LoadFile(file)) == ("new ssl crl-file certs/x-crl.pem", *replace)
