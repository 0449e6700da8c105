"""A program that is loaded once does what it does when it is started: the tests of clients stand on that."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from warm_programs import warm

pytestmark = pytest.mark.root
EVENER = str(Path(sys.executable).with_name("evener"))
NO_API = {
    "OS_AUTH_URL": "http://127.0.0.1:9/v3",
    "OS_USERNAME": "ann",
    "OS_PASSWORD": "x",
    "OS_PROJECT_NAME": "p",
}
PROGRAMS = ("/usr/bin/openstack", "/usr/bin/neutron", EVENER)
LINES = ("--version", "network list", "lbaas-pool-list", "help complete", "help net-list")


def outcome(program: str, line: str, home: Path) -> tuple[int, str, str]:
    """Return how a command ended, and what it printed to both outputs."""
    done = subprocess.run(
        [program, *line.split()],
        env={"PATH": "/usr/bin:/bin", "HOME": str(home), "LC_ALL": "C.UTF-8", **NO_API},
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    # Where the kernel takes a moment to refuse a connection, eventlet has other words for it.
    return done.returncode, done.stdout, re.sub(r"at 0x[0-9a-f]+|(?<=\[Errno 111\])[\w ]+", "", done.stderr)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: Path(path).name)
def test_a_loaded_program_prints_and_ends_as_a_started_one(program: str, tmp_path: Path) -> None:
    if not Path(program).exists():
        pytest.skip(f"there is no {program} here")
    for line in LINES:
        assert outcome(warm(program), line, tmp_path) == outcome(program, line, tmp_path), line


SCRIPT = """#!{python}
import atexit, os, sys
atexit.register(print, "at the end")
print(sys.argv[1:], os.environ.get("GIVEN"), os.getcwd(), sys.stdin.read(), sorted(os.environ))
print("to stderr", file=sys.stderr)
if "raise" in sys.argv:
    raise ValueError("wrong")
sys.exit({{"text": "words", "many": 300}}.get(sys.argv[-1]))
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("script") / "script"
    made.write_text(SCRIPT.format(python=sys.executable))
    made.chmod(0o755)
    return made


@pytest.mark.parametrize("how", ["", "text", "many", "raise"])
def test_a_loaded_program_has_what_it_is_given_and_ends_as_it_does(
    script: Path, tmp_path: Path, how: str
) -> None:
    def of(program: str) -> tuple[int, str, list[str]]:
        words = [program, "a b", "\udce9\n", "", *filter(None, [how])]
        done = subprocess.run(
            words,
            env={"GIVEN": "x=\udce9\ny", "LC_ALL": "C.UTF-8"},
            cwd=tmp_path,
            input="read",
            capture_output=True,
            text=True,
            errors="surrogateescape",
            timeout=180,
            check=False,
        )
        return done.returncode, done.stdout, [line for line in done.stderr.splitlines() if line[:1] != " "]

    assert of(warm(script)) == of(str(script))


def test_the_files_of_a_loaded_program_are_those_of_the_shell(script: Path, tmp_path: Path) -> None:
    program = warm(script)
    lines = f'{{ "{program}" one >only; "{program}" two; "{program}" three; }} </dev/null >>all 2>&1'
    subprocess.run(["sh", "-c", lines], cwd=tmp_path, check=True)
    assert (tmp_path / "only").read_text().startswith("['one']")
    said = (tmp_path / "all").read_text().splitlines()
    assert [line.partition("]")[0] for line in said if line != "at the end"] == [
        *("to stderr", "to stderr", "['two'", "to stderr", "['three'")
    ]
