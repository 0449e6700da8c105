"""The units of systemd in packaging/: systemd takes them, and they leave traffic alone."""

import shutil
import subprocess
import sys
import tomllib
from configparser import RawConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNITS = sorted((ROOT / "packaging" / "systemd").glob("*.service"))
PROGRAMS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
HAVE_TRAFFIC = {"evener-agent", "evener-standalone"}
# Directives that give a unit a view of the file system of its own (systemd.exec(5)), in which names of network
# namespaces are not the host's.
OWN_VIEW = {
    "BindPaths", "BindReadOnlyPaths", "DynamicUser", "ExecPaths", "ExtensionImages", "InaccessiblePaths",
    "LogNamespace", "MountFlags", "MountImages", "NoExecPaths", "PrivateDevices", "PrivateIPC",
    "PrivateMounts", "PrivateNetwork", "PrivateTmp", "PrivateUsers", "ProcSubset", "ProtectControlGroups",
    "ProtectHome", "ProtectHostname", "ProtectKernelLogs", "ProtectKernelModules", "ProtectKernelTunables",
    "ProtectProc", "ProtectSystem", "ReadOnlyPaths", "ReadWritePaths", "RootDirectory", "RootImage",
    "TemporaryFileSystem",
}  # fmt: skip


def service(unit: Path) -> dict[str, str]:
    parser = RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(unit)
    return dict(parser["Service"])


def test_each_daemon_has_one() -> None:
    daemons = {
        name
        for name in PROGRAMS
        if name.rsplit("-", 1)[-1] in {"agent", "api", "controller", "dashboard", "standalone"}
    }
    assert {unit.stem for unit in UNITS} == daemons - {"neutron-lbaasv2-agent"}
    for unit in UNITS:
        assert service(unit)["ExecStart"] == f"/usr/bin/{unit.stem}"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed here")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_takes_it(unit: Path, tmp_path: Path) -> None:
    copy = tmp_path / unit.name
    copy.write_text(
        unit.read_text().replace(f"/usr/bin/{unit.stem}", sys.executable)
    )  # which has to be there
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", copy],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    about_it = [line for line in done.stderr.split("\n") if unit.name in line]
    assert (done.returncode, about_it) == (0, []), done.stderr


@pytest.mark.parametrize(
    "unit", [unit for unit in UNITS if unit.stem in HAVE_TRAFFIC], ids=lambda unit: unit.stem
)
def test_a_restart_leaves_load_balancers_alone(unit: Path) -> None:
    said = service(unit)
    assert said["KillMode"] == "process"
    assert said["OOMPolicy"] == "continue"
    assert OWN_VIEW.isdisjoint(said)


@pytest.mark.parametrize(
    "unit", [unit for unit in UNITS if unit.stem not in HAVE_TRAFFIC], ids=lambda unit: unit.stem
)
def test_what_serves_no_traffic_has_no_rights(unit: Path) -> None:
    said = service(unit)
    assert said["User"] == said["Group"] == "evener"
    assert said["CapabilityBoundingSet"] == ""
    assert (said["NoNewPrivileges"], said["ProtectSystem"]) == ("yes", "strict")


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_its_files_are_in_directories_of_its_own(unit: Path) -> None:
    said = service(unit)
    expected = "evener" if unit.stem in HAVE_TRAFFIC else unit.stem
    assert said["StateDirectory"] == said["LogsDirectory"] == expected


DEBIAN = ROOT / "packaging" / "debian"


def test_each_program_is_in_a_package() -> None:
    build = (DEBIAN / "build").read_text()
    packages = {file.name for file in (DEBIAN / "control").iterdir()}
    assert packages >= {unit.stem for unit in UNITS}
    for name in set(PROGRAMS) - packages - {"evener"}:
        assert name.removeprefix("evener-") in build


@pytest.mark.parametrize("script", sorted((DEBIAN / "scripts").iterdir()), ids=lambda script: script.name)
def test_scripts_of_packages_are_of_any_shell(script: Path) -> None:
    subprocess.run(["sh", "-n", script], check=True)
