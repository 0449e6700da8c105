"""What goes wrong is said in one clear line on stderr, by the client against the real server; secrets never are."""

import os
import pty
import re
import subprocess

import pytest
from cli_site import EVENER, Site

pytestmark = pytest.mark.root
PORT = 19791
UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
NOBODYS = "8f1b6de1-0a4c-4b8e-9c61-0f6f7bd0a111"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    made = Site(tmp_path_factory.mktemp("errors"), PORT)
    try:
        made.subnet("SUBNET", "10.1.0.0/24")
        for name in ("LB", "TWIN", "TWIN"):
            done = made.run("lbaas-loadbalancer-create", "--wait", "--name", name, "SUBNET")
            assert done.returncode == 0, done.stderr
        done = made.run(
            *[
                "lbaas-listener-create",
                "--name",
                "L",
                "--loadbalancer",
                "LB",
                "--protocol",
                "HTTP",
                "--protocol-port",
                "80",
                "--wait",
            ]
        )
        assert done.returncode == 0, done.stderr
        yield made
    finally:
        made.close()


def refused(site, line, **environment):
    """The one line on stderr of a command that fails; there is nothing on stdout."""
    done = site.run(*line.split(), **environment)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    return UUID.sub("ID", done.stderr.strip())


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "lbaas-loadbalancer-show TWIN",
            "Multiple loadbalancer matches found for name 'TWIN', use an ID to be more specific.",
        ),
        ("lbaas-pool-show NIX", "Unable to find pool with name or id 'NIX'"),
        (f"lbaas-pool-show {NOBODYS}", "Unable to find pool with name or id 'ID'"),
        ("lbaas-member-list NIX", "Unable to find pool with name or id 'NIX'"),
        ("lbaas-loadbalancer-create NIX", "Unable to find subnet with name or id 'NIX'"),
        ("lbaas-loadbalancer-delete NIX", "Unable to find loadbalancer with name or id 'NIX'."),
        ("lbaas-loadbalancer-delete LB", "loadbalancer ID is in use: delete its listener ID first."),
        (
            "lbaas-listener-create --loadbalancer LB --protocol TCP --protocol-port 80",
            "Load Balancer ID already has a listener with protocol_port of 80",
        ),
        (
            "lbaas-listener-create --loadbalancer LB --protocol TCP --protocol-port 0",
            "Invalid input for protocol_port.",
        ),
        ("lbaas-loadbalancer-create SUBNET --vip-address 10.9.9.9", "10.9.9.9"),
        ("lbaas-pool-create --loadbalancer LB --protocol TCP --lb-algorithm ROUND_ROBIN --nix 1", "'nix'"),
        ("ext-show nix", "Extension with alias nix does not exist"),
        ("lbaas-loadbalancer-status NIX", "Unable to find loadbalancer with name or id 'NIX'"),
        ("top NIX", "Unable to find loadbalancer with name or id 'NIX'"),
    ],
)
def test_names_and_refusals_are_said_in_one_line(site, line, said):
    assert said in refused(site, line)


def test_a_wrong_password_is_said_in_one_line(site):
    said = refused(site, "lbaas-pool-list", OS_PASSWORD="not-the-password")
    assert said.startswith(f"Login refused by {site.url}/identity/v3: ")
    assert "not-the-password" not in said


@pytest.mark.parametrize(
    ("variable", "url"),
    [
        ("OS_AUTH_URL", "http://127.0.0.1:9/identity/v3"),
        ("OS_NETWORK_ENDPOINT_OVERRIDE", "http://127.0.0.1:9/v2.0"),
    ],
)
def test_an_unreachable_server_is_said_in_one_line(site, variable, url):
    assert refused(site, "lbaas-pool-list", **{variable: url}) == f"Unable to reach {url}: Connection refused"


@pytest.mark.parametrize("where", ["before", "after"])
def test_debug_shows_the_exchange_without_a_secret(site, where):
    words = ["lbaas-loadbalancer-show", "LB"]
    words = ["--debug", *words] if where == "before" else [*words, "--debug"]
    done = site.run(*words)
    assert done.returncode == 0
    assert f"GET {site.url}/networking/v2.0/lbaas/loadbalancers" in done.stderr
    assert '"provisioning_status"' in done.stderr
    assert "X-Auth-Token" in done.stderr
    assert site.environment["OS_PASSWORD"] not in done.stderr + done.stdout
    token = site.session.get_token()
    assert (
        token[:20] not in done.stderr
    )  # every token of one user begins alike where it is one that is signed
    assert not re.search(r"X-Auth-Token: (?!\{SHA256\})\S", done.stderr)
    assert not re.search(r"X-Subject-Token['\"]?: ['\"]?(?!\{SHA256\})\w", done.stderr)


def test_debug_of_a_token_given_by_hand_does_not_show_it(site):
    token = site.session.get_token()
    done = site.run("--os-token", token, "lbaas-pool-list", "--debug", OS_PASSWORD="not-needed")
    assert done.returncode == 0, done.stderr
    assert token not in done.stderr + done.stdout


def test_debug_of_a_wrong_password_does_not_show_it(site):
    done = site.run("lbaas-pool-list", "--debug", OS_PASSWORD="not-the-password")
    assert done.returncode == 1
    assert "not-the-password" not in done.stderr


def on_a_terminal(site, *words, typed=b"", **environment):
    """Run `evener` on a terminal on which `typed` was typed; return what appears on it, and the exit code."""
    ours, theirs = pty.openpty()
    os.write(ours, typed)
    environment = {
        **site.environment,
        "TERM": "xterm-256color",
        "COLUMNS": "140",
        "LINES": "40",
        **environment,
    }
    process = subprocess.Popen([EVENER, *words], env=environment, stdout=theirs, stderr=theirs, stdin=theirs)
    os.close(theirs)
    seen = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        seen += part
    os.close(ours)
    return seen.decode(), process.wait()


def test_wait_leaves_nothing_of_its_progress(site):
    words = ("lbaas-loadbalancer-create", "--wait", "--name", "SEEN", "SUBNET", "-f", "value", "-c", "name")
    seen, code = on_a_terminal(site, *words)
    assert code == 0
    assert seen.endswith("\r\x1b[KSEEN\r\n")  # nothing is left of it
    done = site.run("lbaas-loadbalancer-delete", "--wait", "SEEN")
    assert (done.returncode, done.stdout, done.stderr) == (0, "Deleted loadbalancer(s): SEEN\n", "")
    assert "Unable to find" in refused(site, "lbaas-loadbalancer-show SEEN")


def test_statuses_are_a_tree_with_colours_on_a_terminal_and_json_elsewhere(site):
    seen, code = on_a_terminal(site, "lbaas-loadbalancer-status", "LB")
    assert code == 0
    assert "\x1b[32mACTIVE" in seen
    plain = re.sub(r"\x1b\[[0-9;]*m", "", seen).splitlines()
    assert plain[0] == "load balancer LB  ONLINE  ACTIVE"
    assert plain[1] == "└── listener L  ONLINE  ACTIVE"
    assert site.run("lbaas-loadbalancer-status", "LB").stdout.startswith('{\n    "loadbalancer": {\n')
    assert on_a_terminal(site, "lbaas-loadbalancer-status", "LB", "-f", "json")[0].startswith("{")
    assert site.run("lbaas-loadbalancer-status", "-f", "tree", "LB").stdout.splitlines() == plain


def test_top_refreshes_in_place_on_a_terminal_and_prints_plain_text_elsewhere(site):
    seen, code = on_a_terminal(site, "top", "-n", "2", "-d", "0.2")
    assert code == 0
    assert "\x1b[?1049h" in seen
    assert "TWIN" in seen
    seen, code = on_a_terminal(site, "top", "-d", "300", typed=b"q", COLUMNS="60", LINES="9")
    assert code == 0
    last = seen.rpartition("\x1b[?1049l")[2]
    assert "conns" in last
    assert "…" not in last  # columns are whole or not there
    assert "errors" not in last
    assert "rows 1 to 3 of " in last
    keys = b"ss\x1b[B\x1bOFrq"  # sorted by connections, down, to the end, the other way round: from the first row
    seen, code = on_a_terminal(site, "top", "-d", "300", typed=keys, COLUMNS="60", LINES="9")
    assert code == 0
    assert re.search(r"rows (?!1 )\d+ to (\d+) of \1;", seen)
    last = seen.rpartition("\x1b[?1049l")[2]
    assert "conns\N{UPWARDS ARROW}" in last
    assert "rows 1 to 3 of " in last
    done = site.run("top", "-n", "1", "-s", "name", "-r")
    names = [line.split()[0] for line in done.stdout.splitlines()[1:] if not line.startswith(" ")]
    assert names == sorted(names, key=str.casefold, reverse=True)
    done = site.run("top", "-n", "2", "-d", "0.2", "LB")
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    first, second = done.stdout.strip().split("\n\n")
    assert [line.split()[:3] for line in second.splitlines()[1:]] == [
        ["LB", "ONLINE", "0"],
        ["listener", "L", "ONLINE"],
    ]
    assert first.splitlines()[1].split()[3:7] == ["-", "-", "-", "-"]
    assert second.splitlines()[1].split()[3:7] == ["0", "0", "0", "0"]


def test_quotas_are_set_for_a_project_by_name_or_id_and_for_none_that_is_not_there(site):
    project = site.get("quotas/project")["project_id"]
    name = site.environment["OS_PROJECT_NAME"]
    for given, limit in ((name, "7"), (project, "8")):
        done = site.run("quota-update", "--tenant-id", given, "--security-group", limit)
        assert done.returncode == 0, done.stderr
        assert site.get(f"quotas/{project}")["security_group"] == int(limit)
    for unknown in ("nobody", "0" * 32):
        done = site.run("quota-update", "--tenant-id", unknown, "--pool", "1")
        assert (done.returncode, done.stderr) == (1, f"There is no project with the id {unknown}\n")
    assert [each["project_id"] for each in site.get("quotas")] == [project]
    assert site.run("quota-delete", "--tenant-id", name).returncode == 0
    assert site.get("quotas") == []
