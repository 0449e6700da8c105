"""Barbican's own client stores, shows and deletes secrets and containers, and learns why it may not."""

import base64
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import waitress.server
from secret_service import certificate_of

from evener.api.app import make_app
from evener.services.secrets import Consumer
from evener.store.database import Database
from evener_cloud.all_tables import metadata
from evener_cloud.identity.bootstrap import write_credentials
from evener_cloud.identity.builtin import BuiltinIdentity
from evener_cloud.identity.http import routes as keystone
from evener_cloud.secrets.builtin import BuiltinSecrets
from evener_cloud.secrets.http import routes as barbican
from made_certificates import authorities, served
from warm_programs import warm

pytestmark = pytest.mark.root
EVENER = Path(sys.executable).with_name("evener")
LISTENER = Consumer("listener", "5f2b7c5e-94a1-4f7e-9d3c-0b1a2c3d4e5f")


class Site:
    """Identity and secrets on a port of loopback, with a database, keys and credentials of their own."""

    def __init__(self, state_path: Path) -> None:
        self.state_path = state_path
        self.database = Database(f"sqlite:///{state_path / 'evener.sqlite'}")
        metadata.create_all(self.database.engine)
        identity = BuiltinIdentity(self.database, state_path / "token.key", 3600)
        self.secrets = BuiltinSecrets(self.database, state_path / "secrets.key")
        app = make_app(identity, lambda: None, "http://evener.test:9876")
        self._server = waitress.server.create_server(app, host="127.0.0.1", port=0, threads=4)
        self.url = f"http://127.0.0.1:{self._server.effective_port}"
        keystone.add_routes(app, identity, self.url)
        barbican.add_routes(app, self.secrets, self.url, 200_000)
        identity.bootstrap(
            lambda password: write_credentials(state_path, f"{self.url}/identity/v3", password)
        )
        self._thread = threading.Thread(target=self._server.run)
        self._thread.start()

    def close(self) -> None:
        self._server.trigger.pull_trigger(self._server.close)
        self._server.task_dispatcher.shutdown()
        self._server.close()
        self._thread.join(60)
        self.database.close()

    def run(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run Debian's openstack client, as the administrator where `env` says nothing else."""
        login = {"OS_CLOUD": "evener", "OS_CLIENT_CONFIG_FILE": str(self.state_path / "clouds.yaml"), **env}
        return subprocess.run(
            [warm("openstack"), *arguments],
            env={"PATH": "/usr/bin:/bin", "HOME": str(self.state_path), "LC_ALL": "C.UTF-8", **login},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    def evener(self, *arguments: str, code: int = 0, **env: str) -> str:
        """Run our client with what is in the openrc, where `env` says nothing else; return what it prints."""
        if not env:
            lines = (self.state_path / "openrc").read_text().splitlines()
            given = [line.removeprefix("export ").partition("=") for line in lines if "=" in line]
            env = {name: value.strip("'\"") for name, _, value in given if name.startswith("OS_")}
        done = subprocess.run(
            [warm(EVENER), *arguments],
            env={"PATH": "/usr/bin:/bin", "HOME": str(self.state_path), "LC_ALL": "C.UTF-8", **env},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stderr if code else done.stdout

    def ok(self, *arguments: str, **env: str) -> str:
        """Run a command that has to succeed, and return what it prints."""
        done = self.run(*arguments, **env)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def openstack(self, *arguments: str, **env: str) -> Any:
        """Run a command that has to succeed, and return what it shows."""
        return json.loads(self.ok(*arguments, "-f", "json", **env))

    def store(self, *arguments: str) -> str:
        """Store a secret, and return its reference."""
        return str(self.openstack("secret", "store", *arguments)["Secret href"])

    def container(self, *arguments: str) -> str:
        """Make a container, and return its reference."""
        column = ("-c", "Container href")  # the client cannot print dates of such containers as JSON
        return str(self.openstack("secret", "container", "create", *arguments, *column)["Container href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    running = Site(tmp_path_factory.mktemp("secrets"))
    yield running
    running.close()


def project_of(site: Site) -> str:
    return str(site.openstack("project", "show", "admin")["id"])


def test_the_client_stores_lists_shows_and_deletes_a_secret(site: Site) -> None:
    href = site.store("--name", "greeting", "--payload", "hello", "-t", "text/plain", "-s", "passphrase")
    assert href.startswith(f"{site.url}/key-manager/v1/secrets/")
    listed = site.openstack("secret", "list", "--name", "greeting")
    assert [(each["Secret href"], each["Secret type"]) for each in listed] == [(href, "passphrase")]
    shown = site.openstack("secret", "get", href)
    assert (shown["Name"], shown["Status"]) == ("greeting", "ACTIVE")
    assert shown["Content types"] == {"default": "text/plain"}
    assert site.openstack("secret", "get", href, "--payload")["Payload"] == "hello"
    site.ok("secret", "delete", href)
    assert site.openstack("secret", "list", "--name", "greeting") == []


def test_a_file_comes_back_as_it_went(site: Site, tmp_path: Path) -> None:
    bundle = served().p12(*authorities()[1:])
    (tmp_path / "web.p12").write_bytes(bundle)
    href = site.store("--name", "file", "--file", str(tmp_path / "web.p12"))
    kind = ("-t", "application/octet-stream")
    site.ok("secret", "get", href, *kind, "--file", str(tmp_path / "back.p12"))
    assert (tmp_path / "back.p12").read_bytes() == bundle


def test_a_payload_may_come_in_a_second_step(site: Site) -> None:
    href = site.store("--name", "later")
    assert not site.openstack("secret", "get", href)["Content types"]
    site.ok("secret", "update", href, "now it is there")
    assert site.openstack("secret", "get", href, "--payload")["Payload"] == "now it is there"
    done = site.run("secret", "update", href, "another one")
    assert done.returncode != 0
    assert "already has data" in done.stderr


def test_the_handbooks_way_makes_a_certificate_container(site: Site) -> None:
    made, (_, upper, lower) = served(), authorities()
    parts = {
        "certificate": made.pem.decode(),
        "private_key": made.key_pem(b"word").decode(),
        "private_key_passphrase": "word",
        "intermediates": (lower.pem + upper.pem).decode(),
    }
    refs = {name: site.store("--name", name, "--payload", text) for name, text in parts.items()}
    options = [f"--secret={name}={ref}" for name, ref in refs.items()]
    href = site.container("--name", "tls", "--type", "certificate", *options)
    columns = ("-c", "Type", "-c", "Certificate", "-c", "Private Key")
    shown = site.openstack("secret", "container", "get", href, *columns)
    assert (shown["Type"], shown["Certificate"], shown["Private Key"]) == (
        "certificate",
        refs["certificate"],
        refs["private_key"],
    )
    site.secrets.register(project_of(site), href, LISTENER)
    found = certificate_of(site.secrets, project_of(site), href)
    assert found.bundle.encode() == made.pem + lower.pem + upper.pem + made.key_pem()

    done = site.run("secret", "container", "delete", href)
    assert done.returncode != 0
    assert f"in use by lbaas lbaas://RegionOne/listener/{LISTENER.resource_id}" in done.stderr
    assert site.run("secret", "delete", refs["private_key"]).returncode != 0
    site.secrets.unregister(project_of(site), href, LISTENER)
    site.ok("secret", "container", "delete", href)
    assert href not in site.ok("secret", "container", "list")
    site.ok("secret", "delete", refs["private_key"])


def test_octavias_way_makes_one_secret_of_a_bundle(site: Site) -> None:
    made = served("ECDSA")
    text = base64.encodebytes(made.p12(*authorities()[1:])).decode()
    options = ("-t", "application/octet-stream", "-e", "base64")
    href = site.store("--name", "tls_secret1", *options, "--payload", text)
    found = certificate_of(site.secrets, project_of(site), href)
    assert found.certificate.encode() == made.pem


def test_the_client_says_what_is_wrong(site: Site) -> None:
    nobodys = f"{site.url}/key-manager/v1/secrets/00000000-0000-4000-8000-00000000dead"
    assert "Secret not found." in site.run("secret", "get", nobodys).stderr
    done = site.run("secret", "store", "--payload", "x", "-t", "image/png")
    assert "payload_content_type" in done.stderr
    done = site.run("secret", "container", "create", "--type", "certificate")
    assert done.returncode != 0


def test_no_key_is_ever_in_a_log_or_in_the_database(
    site: Site, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    made = served("ECDSA")
    pem = made.key_pem()
    (tmp_path / "key.pem").write_bytes(pem)
    href = site.store("--name", "key", "--file", str(tmp_path / "key.pem"))
    text = site.store("--name", "key as text", "--payload", pem.decode(), "-t", "text/plain")
    bad = site.store("--name", "bad certificate", "--payload", pem.decode(), "-t", "text/plain")
    refused = site.run("secret", "update", href, pem.decode())
    container = site.container("--type", "certificate", f"--secret=certificate={bad}")
    with pytest.raises(Exception, match="cannot be read") as caught:
        certificate_of(site.secrets, project_of(site), container)
    lines = [line for line in pem.decode().splitlines() if "-----" not in line]
    raw = made.key.private_numbers().private_value.to_bytes(32)
    files = b"".join(path.read_bytes() for path in site.state_path.iterdir() if path.is_file())
    assert text.rpartition("/")[2].encode() in files
    said = caplog.text + refused.stderr + repr(caught.value) + repr(caught.value.__context__)
    for line in lines:
        assert line.encode() not in files
        assert base64.b64encode(pem) not in files
        assert line not in said
    assert raw not in files
    assert "refused" in caplog.text


def test_our_client_makes_a_certificate_of_files_and_says_how_listeners_call_it(
    site: Site, tmp_path: Path
) -> None:
    made, (_, upper, lower) = served(), authorities()
    for name, content in (
        ("cert.pem", made.pem),
        ("key.pem", made.key_pem(b"pass word")),
        ("chain.pem", lower.pem + upper.pem),
        ("all.p12", made.p12(upper, lower, passphrase=b"pass word")),
        ("word", b"pass word\n"),
        ("empty", b""),
    ):
        (tmp_path / name).write_bytes(content)

    def create(*words: str, **more: Any) -> str:
        files = [str(tmp_path / word) if (tmp_path / word).exists() else word for word in words]
        return site.evener("lbaas-certificate-create", *files, **more)

    value = ("-f", "value", "-c", "container_ref")
    pair = ("--certificate", "cert.pem", "--key", "key.pem", "--intermediates", "chain.pem")
    bundle = ("--certificate", "all.p12", "--passphrase", "pass word")
    refs = [create("--name", "www", *pair, "--passphrase-file", "word", *value).strip()]
    cloud = {"OS_CLOUD": "evener", "OS_CLIENT_CONFIG_FILE": str(site.state_path / "clouds.yaml")}
    refs.append(create("--name", "www", *bundle, *value, **cloud).strip())
    for ref in refs:
        found = certificate_of(site.secrets, project_of(site), ref)
        assert found.bundle.encode() == made.pem + lower.pem + upper.pem + made.key_pem()
    assert create(*pair, "--passphrase", "pass word").startswith("Created a new certificate:\n+---")
    site.secrets.register(project_of(site), refs[1], LISTENER)
    listed = json.loads(site.evener("lbaas-certificate-list", "-f", "json"))
    assert {"name": "www", "container_ref": refs[0], "used_by": ""} in listed
    assert {"name": "www", "container_ref": refs[1], "used_by": LISTENER.resource_id} in listed
    assert "use a reference" in site.evener("lbaas-certificate-delete", "www", code=1)
    assert "in use by" in site.evener("lbaas-certificate-delete", refs[1], code=1)
    before = len(site.openstack("secret", "list", "--limit", "100"))
    site.evener("lbaas-certificate-delete", refs[0])
    assert len(site.openstack("secret", "list", "--limit", "100")) == before - 4
    assert "Unable to find" in site.evener("lbaas-certificate-delete", "nothing", code=1)
    for words, says in (
        (("--certificate", "missing.pem"), "missing.pem: No such file"),
        (("--certificate", "empty"), "There is nothing in"),
    ):
        assert says in create(*words, code=1)


def test_an_access_list_says_that_it_is_the_projects(site: Site) -> None:
    href = site.store("--name", "open", "--payload", "x", "-t", "text/plain")
    shown = site.openstack("acl", "get", href)
    assert [each["Project Access"] for each in shown] == [True]
    done = site.run("acl", "user", "add", "--user", "0123456789abcdef0123456789abcdef", href)
    assert done.returncode != 0
    assert "Load balancers read the certificates of their own project" in done.stderr
    site.ok("acl", "submit", "--project-access", href)
    site.ok("acl", "delete", href)
