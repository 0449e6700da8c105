"""`evener explain`, `doctor` and `support-bundle` beside a real evener-standalone, with a member that dies."""

import re
import tarfile
from pathlib import Path

import pytest
from cli_site import Site

from waiting import eventually

pytestmark = [pytest.mark.root, pytest.mark.timeout(600)]
PORT = 19795
MADE = """
lbaas-loadbalancer-create --name LB --wait 60 NET-SUBNET
lbaas-listener-create --name front --loadbalancer LB --protocol HTTP --protocol-port 80 --wait 60
lbaas-pool-create --name servers --listener front --protocol HTTP --lb-algorithm ROUND_ROBIN --wait 60
lbaas-member-create --name m1 --subnet NET-SUBNET --address {one} --protocol-port 80 --wait 60 servers
lbaas-member-create --name m2 --subnet NET-SUBNET --address {two} --protocol-port 80 --wait 60 servers
lbaas-healthmonitor-create --pool servers --type HTTP --delay 1 --timeout 20 --max-retries 1 --wait 60
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("explained"), PORT)
    try:
        subnet = site.subnet("NET-SUBNET", "10.77.0.0/24")
        one, two = (site.host(subnet, name, serves=True) for name in ("explain1", "explain2"))
        for line in MADE.format(one=one.address, two=two.address).strip().split("\n"):
            done = site.run(*line.split())
            assert done.returncode == 0, (line, done.stderr)
        yield site
    finally:
        site.close()


def explained(site: Site, wanted: str = "") -> str:
    """Return the page in one line, once `wanted` is in it."""

    def page() -> str:
        done = site.run("explain", "LB")
        assert done.returncode == 0, done.stderr
        assert all(len(line) <= 80 for line in done.stdout.split("\n"))
        said = " ".join(done.stdout.split())
        return said if wanted in said else ""

    return str(eventually(page, 60))


def test_a_member_that_dies_is_explained_and_so_is_that_it_came_back(site: Site) -> None:
    said = explained(site, "2 of 2 members in, checked by HTTP")
    assert "Nothing that anybody knows of." in said
    assert re.search(r"serves it alone; its agent is alive", said)
    site.hosts["explain2"].web.status = 503
    said = explained(site, "is out:")
    place = f"{site.hosts['explain2'].address}:80"
    why = r"HTTP check: answered 503 instead of 200, since 20\S+ \S+ UTC \(it was in from 20"
    out = rf"Member m2 {place} of pool servers is out: {why}"
    assert re.search(out, said), said
    assert "member m2 out on" in said
    listed = site.run("lbaas-event-list", "LB", "-f", "value", "-c", "type").stdout.split()
    assert listed[0] == "MEMBER_OUT"
    assert listed[-1] == "CREATED"
    assert "APPLIED" in listed


def test_the_doctor_finds_that_it_runs_and_nothing_bad_of_it(site: Site) -> None:
    told = site.run("doctor", "--config-file", site.command[-1])
    lines = told.stdout.split("\n")
    assert any(line.startswith("good API                answers at 127.0.0.1") for line in lines), told.stdout
    assert any(re.match(r"good agent \S+ +is heard of", line) for line in lines)
    assert not [line for line in lines if line.startswith("bad")]


def test_the_support_bundle_has_the_load_balancer_and_no_password(site: Site, tmp_path: Path) -> None:
    file = tmp_path / "support.tar.gz"
    done = site.run("support-bundle", "--config-file", site.command[-1], str(file))
    assert done.returncode == 0, done.stderr
    secrets = [site.environment["OS_PASSWORD"], *(site.state / "token.key").read_text().split()]
    with tarfile.open(file) as archive:
        contents = {each.name: archive.extractfile(each).read() for each in archive.getmembers()}
    assert any(name.endswith("/haproxy.conf") for name in contents)
    assert any(name.endswith("logs/evener.log") and content for name, content in contents.items())
    for name, content in contents.items():
        assert not [each for each in secrets if each.encode() in content], name
