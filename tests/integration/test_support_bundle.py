"""`evener-doctor --bundle`: what helps who helps from afar, and no secret, key or token in it."""

import json
import stat
import tarfile
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from doctor_host import Host
from hypothesis import given
from hypothesis import strategies as st
from test_doctor import doctor

from evener.doctor.masking import MASK, masked
from made_certificates import served

LB = "0a1b2c3d-0000-4000-8000-000000000001"
PASSWORD, BUS_PASSWORD = "Zm9vYmFy-admin-pw", "bus+Pa55/word"
TOKEN = Fernet(Fernet.generate_key()).encrypt(b"a token").decode()


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(tmp_path, monkeypatch)


def filled(host: Host) -> dict[str, str]:
    """Fill a host with all that may hold a secret, and return the secrets."""
    keys = {name: Fernet.generate_key().decode() for name in ("token.key", "secrets.key")}
    for name, key in keys.items():
        (host.state / name).write_text(f"{key}\n")
    (host.state / "openrc").write_text(f"export OS_USERNAME=admin\nexport OS_PASSWORD='{PASSWORD}'\n")
    (host.state / "clouds.yaml").write_text(f"clouds:\n  evener:\n    auth:\n      password: {PASSWORD}\n")
    made = served()
    pem = made.pem + made.key_pem()
    directory = host.state / "lbaas" / "v2" / LB
    (directory / "certs").mkdir(parents=True)
    (directory / "certs" / "one.pem").write_bytes(pem)
    (directory / "graph.json").write_text(json.dumps({"bundle": pem.decode()}))
    (directory / "haproxy.conf").write_text(
        'bind 10.0.0.5:443\nacl a hdr(Authorization) "Bearer sk-12345678"\n'
    )
    (directory / "keepalived.conf").write_text("authentication {\n  auth_pass 1234abcd\n}\n")
    (directory / "haproxy.err").write_text("the last line of haproxy.err\n")
    (directory / "access.log").write_text("what somebody asked for\n")
    (directory / "clients-cookie-1.map").write_text("whose-session 1\n")
    log = [
        f"X-Auth-Token: {TOKEN}",
        f"amqp://evener:{BUS_PASSWORD}@rabbit:5672 does not answer",
        f"password={PASSWORD} and {keys['secrets.key']}",
        f"bundle={json.dumps(pem.decode())}",
        "2026-11-26 req-1 all is well",
    ]
    (host.state / "evener.log").write_text("\n".join(log))
    host.set("DEFAULT", "transport_url", f"rabbit://evener:{BUS_PASSWORD.replace('/', '%2F')}@127.0.0.1:1/")
    lines = made.key_pem().decode().split("\n")
    return {
        **keys,
        "password": PASSWORD,
        "bus": BUS_PASSWORD,
        "token": TOKEN,
        "vrrp": "1234abcd",
        "bearer": "sk-12345678",
        "session": "whose-session",
        "request": "what somebody asked for",
        **{
            f"key {place}": line for place, line in enumerate(lines) if len(line) > 20 and "-----" not in line
        },
    }


def members(file: Path) -> dict[str, bytes]:
    with tarfile.open(file) as archive:
        found = {each.name.partition("/")[2]: archive.extractfile(each) for each in archive.getmembers()}
        return {name: content.read() for name, content in found.items() if content is not None}


def test_no_secret_key_or_token_is_in_it(host: Host) -> None:
    secrets = filled(host)
    assert len(secrets) > 20
    file = host.directory / "support.tar.gz"
    done = doctor(host, "--bundle", str(file))
    assert done.returncode == 0, done.stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for name, content in members(file).items():
        leaked = [which for which, secret in secrets.items() if secret.encode() in content]
        assert leaked == [], name
        assert b"PRIVATE KEY" not in content, name


def test_what_helps_is_in_it(host: Host) -> None:
    filled(host)
    file = host.directory / "support.tar.gz"
    doctor(host, "--bundle", str(file))
    found = {name: content.decode() for name, content in members(file).items()}
    assert "[haproxy] user_group = root" in found["settings.txt"]
    assert "[DEFAULT] transport_url = ***" in found["settings.txt"]
    assert "[identity] token_lifetime = 3600" in found["settings.txt"]
    assert "bind 10.0.0.5:443" in found[f"loadbalancers/{LB}/haproxy.conf"]
    assert "the last line of haproxy.err" in found[f"loadbalancers/{LB}/haproxy.err"]
    assert "2026-11-26 req-1 all is well" in found["logs/evener.log"]
    assert json.loads(found["database/agents.json"])[0]["host"] == "node-1"
    assert {each["what"] for each in json.loads(found["doctor.json"])} >= {"bus", "database", "HAProxy"}
    assert "sqlalchemy" in found["packages.txt"].lower()
    assert not {name for name in found if name.endswith(("access.log", ".map", ".pem", "graph.json"))}


def test_nothing_that_is_there_is_written_over(host: Host) -> None:
    file = host.directory / "support.tar.gz"
    file.write_text("mine")
    done = doctor(host, "--bundle", str(file))
    assert (done.returncode, file.read_text()) == (1, "mine")
    assert "File exists" in done.stderr


@given(st.text(), st.text(alphabet=st.characters(codec="ascii"), min_size=6), st.text())
def test_what_is_known_to_be_secret_is_nowhere_left(before: str, secret: str, after: str) -> None:
    if secret not in before + MASK + after:
        assert secret not in masked(before + secret + after, [secret]).replace(MASK, "")


@pytest.mark.parametrize("cut", [0, 40, 200])
def test_a_key_of_which_a_log_has_only_a_part_is_no_part_of_it(cut: int) -> None:
    key = served().key_pem().decode()
    kept = masked(f"x\n{key[:-cut] if cut else key}", [])
    assert not [line for line in key.split("\n") if len(line) == 64 and line in kept]


def test_plain_words_stay() -> None:
    said = "Load balancer 1: created pool 2, token_lifetime = 3600, http://10.0.0.1:80/path?a=b@c"
    assert masked(said, ["short"]) == said
