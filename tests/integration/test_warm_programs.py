"""A program that is loaded once does what it does when it is started: the tests of clients stand on that."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from waiting import eventually
from warm_programs import start, warm

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


GOING_ON = """import os, signal, sys, time
def main():
    print([sys.argv[1:], os.getcwd(), os.environ.get("GIVEN"), os.getppid(), sys.stdin.read()], flush=True)
    print(os.listdir("/sys/class/net"), os.listdir("/run/netns"), flush=True)
    print("to stderr", file=sys.stderr, flush=True)
    if sys.argv[1] == "ends":
        sys.exit("with words")
    time.sleep(600)
if __name__ == "__main__":
    main()
"""


@pytest.fixture(scope="module")
def going_on(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("going") / "going_on.py"
    made.write_text(GOING_ON)
    return made


@pytest.mark.parametrize("loaded", [True, False])
def test_a_loaded_program_that_goes_on_is_a_child_as_a_started_one_is(
    going_on: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loaded: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIVEN", "x=\udce9\ny")
    command = [*([] if loaded else ["env"]), sys.executable, str(going_on)]

    def said(how: str, end: signal.Signals | None) -> tuple[int, str]:
        file = tmp_path / how
        with file.open("wb") as output:
            process = start([*command, how, "a b", "\udce9"], output)
        eventually(lambda: "to stderr" in file.read_text())
        if end:
            assert process.poll() is None
            words = Path(f"/proc/{process.pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
            assert words[1:] == [bytes(going_on), os.fsencode(how), b"a b", b"\xe9"]
            process.send_signal(end)
        return process.wait(60), file.read_text().partition("to stderr\n")[2]

    assert said("goes", signal.SIGKILL) == (-signal.SIGKILL, "")
    assert said("goes", signal.SIGTERM) == (-signal.SIGTERM, "")
    assert said("ends", None) == (1, "with words\n")
    subprocess.run(["ip", "netns", "add", "warm"], check=True)
    command[:0] = ["ip", "netns", "exec", "warm"]
    assert said("there", signal.SIGKILL) == (-signal.SIGKILL, "")
    command[4:4] = ["sh", "-c", 'mount -t tmpfs tmpfs /run/netns && exec "$@"', "sh"]
    assert said("alone", signal.SIGKILL) == (-signal.SIGKILL, "")
    subprocess.run(["ip", "netns", "delete", "warm"], check=True)
    assert (tmp_path / "there").read_text().splitlines()[1] == "['lo'] ['warm']"
    assert (tmp_path / "alone").read_text().splitlines()[1] == "['lo'] []"
    assert (tmp_path / "ends").read_text().splitlines()[1].endswith(" []")
    shown = [["ends", "a b", "\udce9"], str(tmp_path), "x=\udce9\ny", os.getpid(), ""]
    assert (tmp_path / "ends").read_text().splitlines()[0] == str(shown)
