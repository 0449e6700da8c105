"""Which tokens keystonemiddleware keeps: none by itself, and those in memcached where settings name one."""

from pathlib import Path

import pytest
from keystonemiddleware import auth_token

from evener import config
from evener.services import neutron, sessions
from evener.services.keystone import KeystoneIdentity

SETTINGS = """\
[service_auth]
auth_url = http://127.0.0.1:1/v3
username = evener
password = evener
project_name = service
[keystone_authtoken]
auth_url = http://127.0.0.1:1/v3
auth_type = password
username = evener
password = evener
project_name = service
"""


@pytest.mark.parametrize(("more", "kept"), [("", -1), ("memcached_servers = 127.0.0.1:2\n", 300)])
def test_the_cache_is_memcached_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str, kept: int
) -> None:
    made: list[auth_token.AuthProtocol] = []
    monkeypatch.setattr(
        "evener.services.keystone.AuthProtocol",
        lambda app, conf: made.append(auth_token.AuthProtocol(app, conf)),
    )
    file = tmp_path / "evener.conf"
    file.write_text(SETTINGS + more)
    groups = sessions.groups(keystone=(), neutron=neutron.OPTS, barbican=())
    KeystoneIdentity(config.load(["--config-file", str(file)], "evener-test", others=groups))
    (middleware,) = made
    assert middleware._conf.get("token_cache_time") == kept
