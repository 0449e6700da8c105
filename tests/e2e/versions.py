"""Versions of Evener from its history, each installed from a wheel of its own, and how their programs are run."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HERE = "HEAD"
# Runs a program of the distribution that is first on the path.
RUN = """
import sys
from importlib.metadata import distribution
sys.argv = sys.argv[1:]
(found,) = (each for each in distribution("evener").entry_points if each.name == sys.argv[0])
found.load()()
"""


def libraries(directory: Path, *versions: str) -> dict[str, Path]:
    """Return where versions are installed, below `directory`; the test is skipped where the history lacks one."""
    return {version: installed(sources(version, directory / version[:7])) for version in versions}


def sources(version: str, directory: Path) -> Path:
    """Put the sources of a version into `directory`: those of the working directory, or of a commit."""
    directory.mkdir()
    if version == HERE:
        shutil.copytree(ROOT / "src", directory / "src", ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, directory)
        return directory
    git = ["git", "-C", str(ROOT), "-c", f"safe.directory={ROOT}"]
    if subprocess.run([*git, "cat-file", "-e", version], check=False, capture_output=True).returncode:
        pytest.skip(f"the history here does not reach back to {version}")
    archive = subprocess.run([*git, "archive", version], check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x", "-C", str(directory)], input=archive, check=True)
    return directory


def installed(source: Path) -> Path:
    """Build a wheel of the sources, and lay it out beside them, as pip does."""
    built, library = source / "built", source / "lib"
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(built)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (wheel,) = built.glob("*.whl")
    shutil.unpack_archive(wheel, library, "zip")
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(library)], check=True)
    return library


def program(library: Path, name: str) -> tuple[str, ...]:
    """Return the command that runs a program of an installed version."""
    return ("env", f"PYTHONPATH={library}", "PYTHONSAFEPATH=1", sys.executable, "-c", RUN, name)
