"""A Go program on Debian's gophercloud, which does what Terraform's provider and Kubernetes' cloud provider do."""

import os
import subprocess
from pathlib import Path

import pytest
from octavia_site import OctaviaSite

pytestmark = pytest.mark.root
SOURCE = Path(__file__).with_name("gophercloud")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build it of Debian's packages alone."""
    directory = tmp_path_factory.mktemp("go")
    debian = {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOCACHE": str(directory / "cache")}
    command = ["go", "build", "-o", str(directory / "program"), "."]
    subprocess.run(command, cwd=SOURCE, env={**os.environ, **debian}, check=True, timeout=300)
    return directory / "program"


@pytest.mark.parametrize("scenario", ["terraform", "cloud-provider"])
def test_it_creates_reads_back_changes_and_deletes(site: OctaviaSite, program: Path, scenario: str) -> None:
    env = {**site.openrc(), "SUBNET_ID": site.subnet["id"]}
    done = subprocess.run(
        [program, scenario], env=env, capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode == 0, done.stderr
    for kind in ("loadbalancers", "listeners", "pools", "healthmonitors", "l7policies"):
        assert site.listed(kind) == []
