"""Another service is asked as ourselves or as the caller, and one that is away is said to be."""

from pathlib import Path

import keystoneauth1.exceptions
import pytest
from oslo_config import cfg

from cloud.conftest import load
from evener import config_check
from evener.resources.errors import Unauthorized, Unavailable
from evener.services import sessions

pytestmark = pytest.mark.cloud


def neutron(conf: cfg.ConfigOpts) -> sessions.Service:
    return sessions.Service(conf, sessions.open_session(conf), "network", "neutron", "Neutron")


def test_neutron_lbaas_names_of_the_credentials_serve(conf: cfg.ConfigOpts) -> None:
    assert not list(config_check.unknown(conf))
    assert "networks" in neutron(conf).call("GET", "/v2.0/networks").json()


def test_the_url_of_keystones_second_version_leads_to_the_third(tmp_path: Path, settings: str) -> None:
    older = load(tmp_path, settings.replace("/v3", "/v2.0"))
    assert "networks" in neutron(older).call("GET", "/v2.0/networks").json()


def test_a_caller_is_asked_for_by_the_callers_token_alone(conf: cfg.ConfigOpts) -> None:
    service = neutron(conf)
    with pytest.raises(Unauthorized):
        service.call("GET", "/v2.0/networks", token="of nobody")
    assert service.call("GET", "/v2.0/networks").status_code == 200


def test_what_is_refused_comes_with_the_services_own_words(conf: cfg.ConfigOpts) -> None:
    with pytest.raises(keystoneauth1.exceptions.NotFound) as refused:
        neutron(conf).call("GET", "/v2.0/networks/no-such-network")
    assert "no-such-network" in refused.value.response.text


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_service_that_is_away_is_said_to_be(tmp_path: Path, settings: str, method: str) -> None:
    away = load(tmp_path, f"{settings}[neutron]\nendpoint_override = http://127.0.0.1:1\n")
    with pytest.raises(Unavailable, match="Neutron does not answer"):
        neutron(away).call(method, "/v2.0/networks")


def test_wrong_credentials_are_the_operators_affair(tmp_path: Path, settings: str) -> None:
    wrong = load(tmp_path, settings.replace("admin_password = ", "admin_password = not-"))
    with pytest.raises(Unavailable, match="refuses our credentials"):
        neutron(wrong).call("GET", "/v2.0/networks")


def test_without_a_keystone_no_program_starts(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="auth_url"):
        sessions.open_session(load(tmp_path, ""))
