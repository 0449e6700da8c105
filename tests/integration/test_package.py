"""What `scripts/package` builds has all that the programs need, and they run where nothing of the clone is.

What a wheel depends on is taken from the environment of the tests, as nothing is downloaded here.
"""

import os
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
PROGRAMS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
LONGEST_S = 120


def run(*command: str | Path, cwd: Path = ROOT, **more: str) -> str:
    """Return what a command prints; nothing of this environment's is seen by it, but for `more`."""
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LANG": "C.UTF-8", **more}
    done = subprocess.run(
        command, cwd=cwd, env=env, capture_output=True, text=True, timeout=LONGEST_S, check=False
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def build(source: Path, directory: Path, target: str) -> Path:
    run(sys.executable, "-m", "hatchling", "build", "-t", target, "-d", directory, cwd=source)
    (built,) = directory.iterdir()
    return built


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the source distribution, taken apart."""
    directory = tmp_path_factory.mktemp("sdist")
    with tarfile.open(build(ROOT, directory / "built", "sdist")) as archive:
        archive.extractall(directory, filter="data")
    return next(directory.glob("evener-*"))


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel, built of the source distribution as pip does it."""
    return build(sdist, tmp_path_factory.mktemp("wheel") / "built", "wheel")


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of the programs in an environment that has the wheel, and what it depends on."""
    home = tmp_path_factory.mktemp("installed")
    run(sys.executable, "-m", "venv", "--without-pip", home)
    (packages,) = home.glob("lib/python*/site-packages")
    (packages / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = (
        sys.executable,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "-q",
        "--python",
        home / "bin" / "python",
    )
    run(*pip, "install", "--no-index", "--no-deps", wheel)
    return home / "bin"


def files(folder: Path) -> Iterator[str]:
    listed = run("git", "-c", "safe.directory=*", "ls-files", "--", folder).split("\n")
    return (name for name in listed if name)


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="no clone, so nothing says which files are ours")
def test_every_file_below_both_roots_is_in_the_wheel(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        inside = set(archive.namelist())
    ours = {
        name.removeprefix("src/") for root in ("src/evener", "src/evener_cloud") for name in files(Path(root))
    }
    assert len(ours) > 400
    assert ours - inside == set()
    assert {name.split("/")[0] for name in inside - ours} == {
        wheel.name.replace("-py3-none-any.whl", ".dist-info")
    }


def test_every_program_runs(programs: Path) -> None:
    for name in PROGRAMS:
        assert f"usage: {name}" in run(programs / name, "--help", cwd=programs)


def test_the_modules_are_those_of_the_wheel(programs: Path) -> None:
    where = "import evener, evener_cloud; print(evener.__file__, evener_cloud.__file__)"
    for file in run(programs / "python", "-c", where, cwd=programs).split():
        assert file.startswith(str(programs.parent))


def test_migrations_and_settings_are_found(programs: Path, tmp_path: Path) -> None:
    settings = tmp_path / "evener.conf"
    settings.write_text(f"[DEFAULT]\nstate_path = {tmp_path}\n")
    run(programs / "evener-db-manage", "--config-file", settings, "upgrade", cwd=programs)
    assert (tmp_path / "evener.sqlite").stat().st_size
    checked = run(programs / "evener-standalone", "--config-file", settings, "--check-config", cwd=programs)
    assert "The settings are good." in checked


def test_the_client_has_the_commands_of_both_roots(programs: Path) -> None:
    completion = run(programs / "evener", "complete", cwd=programs)
    assert "lbaas-loadbalancer-create" in completion
    assert "net-create" in completion


def test_the_plugin_is_a_wheel_of_its_own(tmp_path: Path) -> None:
    with ZipFile(build(ROOT / "neutron-plugin", tmp_path / "built", "wheel")) as archive:
        inside = set(archive.namelist())
    assert "neutron_lbaas/services/loadbalancer/plugin.py" in inside
    assert "neutron_lbaas/db/migration/alembic_migrations/versions/EXPAND_HEAD" in inside
    assert not any(name.startswith("evener/") for name in inside)


def test_the_log_of_a_dashboard_that_may_rename_nothing_is_rotated(tmp_path: Path) -> None:
    said = (ROOT / "packaging/debian/evener-standalone.logrotate").read_text()
    log, settings = tmp_path / "evener-dashboard.log", tmp_path / "logrotate.conf"
    settings.write_text(said.replace("/var/log/evener/evener-dashboard.log", str(log)))
    settings.chmod(0o644)
    tmp_path.chmod(0o755)
    rotate = ("/usr/sbin/logrotate", "--force", "--state", tmp_path / "state", settings)
    with log.open("a") as opened:  # as the dashboard has it, all the while
        for number in range(8):
            opened.write(f"line {number}\n")
            opened.flush()
            run(*rotate)
        opened.write("the last\n")
    assert log.read_text() == "the last\n"
    kept = sorted(each.name for each in tmp_path.glob("evener-dashboard.log.*"))
    assert kept == [f"evener-dashboard.log.{number}.gz" for number in range(1, 6)]
