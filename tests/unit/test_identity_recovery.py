"""Who lost the administrator's password, or was locked out, gets back in."""

import io
import sys

import pytest
from sqlalchemy import delete, update

from evener.resources.errors import Unauthorized
from evener.store.database import Database
from evener_cloud.identity import recovery
from evener_cloud.identity.bootstrap import write_credentials
from evener_cloud.identity.builtin import BuiltinIdentity
from evener_cloud.identity.models import Login
from evener_cloud.identity.tables import (
    identity_assignments,
    identity_domains,
    identity_projects,
    identity_users,
)
from evener_cloud.manage import upgrade


@pytest.fixture
def place(tmp_path):
    (tmp_path / "evener.conf").write_text(f"[DEFAULT]\nstate_path = {tmp_path}\n")
    return tmp_path


@pytest.fixture
def database(place):
    made = Database(f"sqlite:///{place / 'evener.sqlite'}")
    upgrade(made)
    yield made
    made.close()


def run(place, monkeypatch, text):
    monkeypatch.setattr(sys, "argv", ["evener-admin-password", "--config-file", str(place / "evener.conf")])
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    recovery.main()


def roles(identity, password):
    user = {"name": "admin", "domain": {"id": "default"}, "password": password}
    scope = {"project": {"name": "admin", "domain": {"id": "default"}}}
    body = {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}
    token, _ = identity.login(Login.model_validate(body))
    return identity.validate(token).roles


def test_the_administrator_gets_back_in_whatever_was_taken_away(place, database, monkeypatch, capsys):
    identity = BuiltinIdentity(database, place / "token.key", 3600)
    old = identity.bootstrap()
    with database.write() as tx:
        tx.execute(delete(identity_assignments))
        for table in (identity_domains, identity_projects, identity_users):
            tx.execute(update(table).values(enabled=False))
    run(place, monkeypatch, "a new password\n")
    assert "admin" in roles(identity, "a new password")
    with pytest.raises(Unauthorized):
        roles(identity, old)
    assert "a new password" in (place / "clouds.yaml").read_text()
    assert "a new password" not in capsys.readouterr().out


@pytest.mark.parametrize(("text", "said"), [("short\n", "at least 8"), ("long enough\n", "no user admin")])
def test_what_cannot_be_is_said_and_changes_nothing(place, database, monkeypatch, text, said):
    write_credentials(place, "http://x/identity/v3", "theirs")
    with pytest.raises(SystemExit, match=said):
        run(place, monkeypatch, text)
    assert "theirs" in (place / "clouds.yaml").read_text()
