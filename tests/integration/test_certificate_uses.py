"""Whose use of a certificate is not certain: what a crash, or a secret service that is away, leaves is seen to."""

from typing import Any

import pytest
from sqlalchemy import select
from test_listener_certificates import NOBODYS, Site, site

from evener.control import certificates
from evener.control.certificates import Asked
from evener.control.consumers import Use
from evener.control.reservations import Reservations
from evener.resources.errors import Unavailable
from evener.services.secrets import Consumer
from evener.store.schema import consumer_notes

__all__ = ["site"]


class Killed(BaseException):
    """Everything has ended here: nobody catches it, nobody clears up."""


def killed(*_: object) -> None:
    raise Killed


def unavailable(*_: object) -> None:
    raise Unavailable("The secret service does not answer")


def notes(site: Site) -> list[Use]:
    """Return whose use of a certificate is not certain."""
    with site.database.read() as tx:
        rows = tx.execute(select(consumer_notes)).all()
    return [Use(row.project_id, row.ref, Consumer(row.resource_type, row.resource_id)) for row in rows]


def sweeper(site: Site) -> Reservations:
    return Reservations(site.database, site.network, site.secrets)


def left_registered(site: Site, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str, str]:
    """Have a listener use another certificate while the service cannot be told; return its path, and both."""
    ref, other = site.container(), site.container()
    path = f"/lbaas/listeners/{site.listener(ref)['id']}"
    with monkeypatch.context() as patched:
        patched.setattr(site.secrets, "unregister", unavailable)
        site.ann.send("PUT", path, {"listener": {"default_tls_container_ref": other}})
    return path, ref, other


@pytest.mark.parametrize(
    "moment", ["control.certificates.claim", "control.consumers._note", "control.certificates.settle"]
)
def test_what_a_killed_process_has_held_for_a_new_listener_is_swept(
    site: Site, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    ref, used = site.container(), site.container()
    site.listener(used)
    body = {"listener": site.body(ref, protocol_port=8443)}
    with monkeypatch.context() as patched:
        patched.setattr(f"evener.{moment}", killed)
        with pytest.raises(Killed):
            site.ann.send("POST", "/lbaas/listeners", body)
    was = len(notes(site))
    assert len(site.users(ref)) == was == (moment != "control.consumers._note")
    sweeping = sweeper(site)
    sweeping.sweep(60)
    assert len(site.users(ref)) == was
    sweeping.sweep(0)
    assert (site.users(ref), notes(site)) == ([], [])
    assert len(site.users(used)) == 1


def test_what_a_killed_process_has_held_for_a_listener_that_lives_on_is_swept(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    used, other = site.container(), site.container()
    listener = site.listener(used)
    path = f"/lbaas/listeners/{listener['id']}"
    with monkeypatch.context() as patched:
        patched.setattr("evener.control.certificates.settle", killed)
        with pytest.raises(Killed):
            site.ann.send("PUT", path, {"listener": {"default_tls_container_ref": other}})
    assert len(site.users(other)) == len(site.users(used)) == 1
    sweeper(site).sweep(0)
    assert (site.users(other), len(site.users(used)), notes(site)) == ([], 1, [])


@pytest.mark.parametrize("what", [killed, unavailable])
def test_what_a_listener_uses_no_more_is_let_go_of_later_where_that_cannot_be_done_at_once(
    site: Site, monkeypatch: pytest.MonkeyPatch, what: Any
) -> None:
    before, now_used = site.container(), site.container()
    listener = site.listener(before)
    path = f"/lbaas/listeners/{listener['id']}"
    with monkeypatch.context() as patched:
        patched.setattr(site.secrets, "unregister", what)
        try:
            site.ann.send("PUT", path, {"listener": {"default_tls_container_ref": now_used}})
        except Killed:
            assert what is killed
        sweeping = sweeper(site)
        if what is unavailable:
            sweeping.sweep(0)  # it is away still
        else:
            sweeping.sweep(60)
    assert len(site.users(before)) == len(site.users(now_used)) == 1
    sweeping.sweep(60 if what is unavailable else 0)  # what was old enough then is no younger now
    assert (site.users(before), len(site.users(now_used)), notes(site)) == ([], 1, [])


def test_what_a_listener_uses_again_is_not_let_go_of(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    path, ref, other = left_registered(site, monkeypatch)
    site.ann.send("PUT", path, {"listener": {"default_tls_container_ref": ref}})
    assert [use.ref for use in notes(site)] == [ref]
    sweeper(site).sweep(0)
    assert (len(site.users(ref)), site.users(other), notes(site)) == (1, [], [])


@pytest.mark.parametrize("again", ["", "away"])
def test_who_takes_longer_than_the_sweep_waits_is_refused(
    site: Site, monkeypatch: pytest.MonkeyPatch, again: str
) -> None:
    ref, real = site.container(), certificates.register

    def register(*args: Any) -> Asked:
        asked = real(*args)
        sweeper(site).sweep(0)
        asked.consumers.secrets.register(*next(iter(asked.notes.values())))  # as one that took so long
        if again:
            monkeypatch.setattr(site.secrets, "unregister", unavailable)
        return asked

    with monkeypatch.context() as patched:
        patched.setattr(certificates, "register", register)
        answer = site.ann.send("POST", "/lbaas/listeners", {"listener": site.body(ref)})
    assert (answer.status_code, answer.json["NeutronError"]["type"]) == (503, "ServiceUnavailable")
    monkeypatch.undo()
    if again:
        assert len(site.users(ref)) == 1
        sweeper(site).sweep(0)
    assert (site.users(ref), notes(site)) == ([], [])
    site.listener(ref)
    assert (len(site.users(ref)), notes(site)) == (1, [])


def test_another_way_to_write_a_reference_means_the_same(site: Site) -> None:
    ref = site.container()
    others = [f"{ref}/", ref.replace("evener.test", "evener.example")]
    path = f"/lbaas/listeners/{site.listener(ref)['id']}"
    for other in others:
        answer = site.ann.send("PUT", path, {"listener": {"default_tls_container_ref": other}})
        assert answer.status_code == 200, answer.text
        assert (len(site.users(ref)), notes(site)) == (1, [])
    wrong = {"default_tls_container_ref": ref, "sni_container_refs": [NOBODYS]}
    assert site.ann.send("PUT", path, {"listener": wrong}).status_code == 404
    sweeper(site).sweep(0)
    assert (len(site.users(ref)), notes(site)) == (1, [])


def test_what_is_used_again_while_it_is_let_go_of_stays_registered(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref, other = site.container(), site.container()
    path = f"/lbaas/listeners/{site.listener(ref)['id']}"
    real = site.secrets.unregister

    def unregister(*use: Any) -> None:
        monkeypatch.setattr(site.secrets, "unregister", real)
        answer = site.ann.send("PUT", path, {"listener": {"default_tls_container_ref": ref}})
        assert answer.status_code == 200
        real(*use)

    monkeypatch.setattr(site.secrets, "unregister", unregister)
    site.ann.send("PUT", path, {"listener": {"default_tls_container_ref": other}})
    assert len(site.users(ref)) == 1
    sweeper(site).sweep(0)
    assert (len(site.users(ref)), site.users(other), notes(site)) == (1, [], [])


def test_the_sweep_leaves_alone_what_somebody_is_about(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    path, ref, other = left_registered(site, monkeypatch)
    sweeping, real = sweeper(site), certificates.register
    sweeping.sweep(60)  # which sees the note, and will find it old
    assert sweeping.consumers is not None
    sweeping.consumers._seen = dict.fromkeys(sweeping.consumers._seen, -1000.0)

    def register(*args: Any) -> Asked:
        asked = real(*args)
        sweeping.sweep(60)
        return asked

    with monkeypatch.context() as patched:
        patched.setattr(certificates, "register", register)
        answer = site.ann.send("PUT", path, {"listener": {"default_tls_container_ref": ref}})
    assert (answer.status_code, len(site.users(ref))) == (200, 1)
    sweeping.sweep(0)
    assert (len(site.users(ref)), site.users(other), notes(site)) == (1, [], [])


def test_what_the_service_does_too_late_is_undone(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    ref, late = site.container(), list[Any]()
    real = site.secrets.register

    def register(*use: Any) -> None:
        late.append(use)
        raise Unavailable("Nothing was heard in time")

    with monkeypatch.context() as patched:
        patched.setattr(site.secrets, "register", register)
        assert site.ann.send("POST", "/lbaas/listeners", {"listener": site.body(ref)}).status_code == 503
    for use in late:
        real(*use)
    assert len(site.users(ref)) == 1
    sweeper(site).sweep(0)
    assert (site.users(ref), notes(site)) == ([], [])


def test_what_is_left_is_let_go_of_while_the_network_service_is_away(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, ref, _ = left_registered(site, monkeypatch)
    monkeypatch.setattr(site.network, "reserved", unavailable)
    with pytest.raises(Unavailable):
        sweeper(site).sweep(0)
    assert (site.users(ref), notes(site)) == ([], [])
