"""What operators have: alerts and a dashboard with data of a real standalone in a real Prometheus, and the handbook.

One standalone for all of it.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_rig import Prometheus, prometheus
from standalone import Balancer, Cloud, Standalone

from made_certificates import ec_key, make
from waiting import eventually
from warm_programs import on_path

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(
        shutil.which("promtool") is None, reason="Debian's package prometheus is not installed"
    ),
]
ROOT = Path(__file__).parents[2]
ALERTS = ROOT / "packaging" / "monitoring" / "alerts.yml"
DASHBOARD = json.loads((ROOT / "packaging" / "monitoring" / "dashboard.json").read_text())
HANDBOOK = ROOT / "docs" / "handbook"
RUNS = re.compile(r"^<!-- runs -->\n```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
TESTS = ROOT / "tests" / "integration" / "alerts_test.yml"
PORT = 19090
PROGRAMS = Path(sys.executable).parent
SECURE = "--loadbalancer watched --protocol TERMINATED_HTTPS"
FILES = "--certificate www.pem --key www.key"
METRIC = re.compile(r"\b(?:evener|process)_\w+")
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
# As Grafana fills them in: https://grafana.com/docs/grafana/latest/dashboards/variables/add-template-variables/
FILLED = {"$__rate_interval": "30s", "$project": ".*"}
UNITS = {"none", "short", "s", "cps", "reqps", "ops", "Bps", "bytes", "percentunit"}


def alerts() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def promtool(*words: str) -> str:
    done = subprocess.run(["promtool", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Client:
    """The program `evener`, as the administrator types it in `directory`."""

    def __init__(self, standalone: Standalone, directory: Path) -> None:
        self.directory = directory
        login = {"OS_CLIENT_CONFIG_FILE": str(standalone.state / "clouds.yaml"), "OS_CLOUD": "evener"}
        path = on_path(f"{PROGRAMS}:{os.environ['PATH']}", str(PROGRAMS / "evener"))
        self.environment = {"PATH": path, "LC_ALL": "C.UTF-8", **login}

    def run(self, command: str) -> tuple[int, str]:
        """Return how a command of bash ends, and what it says on both outputs."""
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.directory,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

    def __call__(self, command: str) -> str:
        """Return what a command that has to succeed says."""
        code, said = self.run(command)
        assert code == 0, f"{command}: {said}"
        return said


@pytest.fixture(scope="module")
def client(standalone: Standalone, tmp_path_factory: pytest.TempPathFactory) -> Client:
    """Return a client in a directory with the files of a certificate."""
    directory = tmp_path_factory.mktemp("operator")
    made = make("www.example.com", ec_key(80), alternative=("www.example.com",))
    (directory / "www.pem").write_bytes(made.pem)
    (directory / "www.key").write_bytes(made.key_pem())
    return Client(standalone, directory)


@pytest.fixture(scope="module")
def balancer(cloud: Cloud, client: Client) -> Iterator[Balancer]:
    """Return a load balancer that ends TLS too, by one command, and goes with all below it by another."""
    made = cloud.balancer("watched")
    client(f"evener lbaas-listener-create --wait --name tls {SECURE} --protocol-port 443 {FILES}")
    yield made
    code, said = client.run("evener lbaas-loadbalancer-delete watched")
    assert code == 1, said
    assert (
        client("evener lbaas-loadbalancer-delete --wait --cascade watched")
        == "Deleted loadbalancer(s): watched\n"
    )
    client("evener lbaas-certificate-delete www")


@pytest.fixture(scope="module")
def watching(
    cloud: Cloud, balancer: Balancer, standalone: Standalone, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    directory = tmp_path_factory.mktemp("prometheus")
    with prometheus(directory / "p", standalone.url.removeprefix("http://"), ALERTS, PORT) as server:
        cloud.client.spread(balancer.vip, 5)
        eventually(lambda: bool(server.series("rate(process_cpu_seconds_total[30s])")), 20)
        yield server


def test_the_rules_are_well_formed_and_say_what_they_are_for() -> None:
    assert f"SUCCESS: {len(alerts())} rules found" in promtool("check", "rules", str(ALERTS))
    for rule in alerts():
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"].keys() == {"summary", "description"}


def test_each_alert_fires_when_it_is_to_and_at_nothing_else() -> None:
    promtool("test", "rules", str(TESTS))
    tested = set(re.findall(r'alertname="(\w+)"', TESTS.read_text()))
    assert tested == {rule["alert"] for rule in alerts()}


def test_the_rules_load_and_each_metric_of_theirs_has_series(watching: Prometheus) -> None:
    eventually(lambda: all(rule["health"] == "ok" for rule in watching.rules()), 20)
    assert {rule["name"] for rule in watching.rules()} == {rule["alert"] for rule in alerts()}
    names = {name for rule in alerts() for name in METRIC.findall(rule["expr"])}

    def missing() -> set[str]:
        return {name for name in names if not watching.series(name)}

    def alarmed() -> list[str]:
        return [rule["name"] for rule in watching.rules() if rule["alerts"]]

    eventually(lambda: not missing(), 20, missing)
    eventually(lambda: not alarmed(), 20, alarmed)  # nothing is wrong here


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_every_panel_has_data(watching: Prometheus, panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        expression = target["expr"]
        for name, value in FILLED.items():
            expression = expression.replace(name, value)
        found = eventually(partial(watching.series, expression), 20, partial(str, expression))
        names = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
        assert all(names <= each["metric"].keys() for each in found), found


def test_a_member_that_is_out_is_an_alarm_with_words_filled_in(watching: Prometheus, cloud: Cloud) -> None:
    cloud.webs[0].stop()
    eventually(lambda: len(watching.series('ALERTS{alertname="EvenerMemberOut"}')) == 1, 20)
    (alert,) = next(rule["alerts"] for rule in watching.rules() if rule["name"] == "EvenerMemberOut")
    assert alert["annotations"]["summary"].startswith("Member web1 (")


def test_files_of_a_certificate_go_again_where_the_listener_is_refused(
    client: Client, balancer: Balancer
) -> None:
    before = client("evener lbaas-certificate-list -f value")
    code, said = client.run(f"evener lbaas-listener-create {SECURE} --protocol-port 80 {FILES}")
    assert code == 1
    assert "80" in said
    assert client("evener lbaas-certificate-list -f value") == before
    assert (
        "go with --certificate"
        in client.run(f"evener lbaas-listener-create {SECURE} --protocol-port 1 --key x")[1]
    )


def test_a_listener_takes_another_certificate_from_files(client: Client, balancer: Balancer) -> None:
    shown = "evener lbaas-listener-show tls -f value -c default_tls_container_ref"
    before = client(shown)
    client(f"evener lbaas-listener-update --wait {FILES} tls")
    assert client(shown) != before
    client(f"evener lbaas-certificate-delete {before}")


def test_the_dashboard_is_one_that_grafana_can_read() -> None:
    assert (
        DASHBOARD["schemaVersion"] >= 36
    )  # Grafana 9: data sources by type and uid, no older forms of panels
    assert DASHBOARD["uid"]
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
    variables = {each["name"] for each in DASHBOARD["templating"]["list"]}
    for panel in PANELS:
        assert panel["type"] in {"stat", "timeseries", "table"}
        assert panel["description"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        references = [target["refId"] for target in panel["targets"]]
        assert len(references) == len(set(references))
        used = set(re.findall(r"\$(\w+)", json.dumps(panel["targets"]).replace("$__rate_interval", "")))
        assert used <= variables
        assert panel["fieldConfig"]["defaults"].get("unit", "none") in UNITS


def test_alarms_that_panels_name_are_there() -> None:
    names = set(re.findall(r"\bEvener\w+", json.dumps([panel["description"] for panel in PANELS])))
    assert names <= {rule["alert"] for rule in alerts()}


def test_the_handbook_has_each_alarm_and_no_other() -> None:
    headings = re.findall(r"^### (\w+)$", (HANDBOOK / "alarms.md").read_text(), re.MULTILINE)
    assert headings == [rule["alert"] for rule in alerts()]


def commands_of(page: Path) -> str:
    """Return the commands of a page's blocks that are to run, a line each, in their order."""
    lines = [line for block in RUNS.findall(page.read_text()) for line in block.rstrip("\n").split("\n")]
    assert all(line.startswith("$ ") for line in lines), page
    return "\n".join(line.removeprefix("$ ") for line in lines)


@pytest.mark.parametrize("name", ["service.md", "users.md"])
def test_what_the_handbook_says_to_type_does_it(client: Client, name: str) -> None:
    said = client(f"set -euxo pipefail\n{commands_of(HANDBOOK / name)}")
    expected = {
        "service.md": ["conns/s"],
        "users.md": [
            "loadbalancer shop: all is as written",
            "Another -> The shop",
            "Deleted loadbalancer(s): shop",
        ],
    }
    assert [text for text in expected[name] if text not in said] == [], said


def test_all_commands_that_run_are_on_pages_that_are_tested() -> None:
    assert {page.name for page in HANDBOOK.glob("*.md") if RUNS.search(page.read_text())} == {
        "service.md",
        "users.md",
    }
