"""What completes the client's words, in the shells themselves, and how wide its help is."""

import os
import pty
import select
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from evener.cli import completion
from evener.cli.commands import words_of
from evener.cli.overview import OTHERS, WIDTH, grouped, overview
from evener.cli.shell import Shell

ASKED = {
    "evener lbaas-pool-c": {"lbaas-pool-create"},
    "evener --os-cl": {"--os-cloud"},
    "evener --os-cloud x lbaas-pool-create --lb": {"--lb-algorithm"},
    "evener lbaas-pool-create --protocol ": {"TCP", "HTTP", "HTTPS"},
    "evener lbaas-listener-create --certificate cer": {"cert.pem"},
    "evener complete --shell f": {"fish"},
}
SETUP = """\
evener() { print -r -- "<${*}>" }; autoload -Uz compinit; compinit -u -D; source ./zsh; print re''ady
"""


@pytest.fixture(scope="module")
def shell() -> Shell:
    return Shell()


@pytest.fixture
def directory(tmp_path: Path, shell: Shell) -> Path:
    """Return a directory with the scripts, by their shells' names, and a file that may be named."""
    for name, made in completion.SHELLS.items():
        (tmp_path / name).write_text(made(words_of(shell)))
    (tmp_path / "cert.pem").touch()
    return tmp_path


def run(directory: Path, *words: str) -> str:
    env = {"PATH": os.environ["PATH"], "HOME": str(directory), "LC_ALL": "C.UTF-8"}
    done = subprocess.run(words, cwd=directory, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", completion.SHELLS)
def test_the_shell_finds_nothing_wrong_with_its_script(directory: Path, name: str) -> None:
    if shutil.which(name) is None:
        pytest.skip(f"no {name} here")
    assert run(directory, name, "-n", name) == ""


def test_bash_completes_commands_options_values_and_files(directory: Path) -> None:
    for line, expected in ASKED.items():
        words = line.split(" ")
        asked = f"COMP_WORDS=({' '.join(map(repr, words))}); COMP_CWORD={len(words) - 1}; _evener"
        found = run(directory, "bash", "-c", f'source ./bash; {asked}; printf "%s\\n" "${{COMPREPLY[@]}}"')
        # Files are bash's own, where there is nothing else.
        assert set(found.split()) == (set() if expected == {"cert.pem"} else expected), line


@pytest.mark.skipif(shutil.which("fish") is None, reason="no fish here")
def test_fish_completes_commands_options_values_and_files(directory: Path) -> None:
    for line, expected in ASKED.items():
        found = run(directory, "fish", "--no-config", "-c", f"source ./fish; complete -C '{line}'")
        assert {each.split("\t")[0] for each in found.strip().split("\n")} == expected, line


@pytest.mark.skipif(shutil.which("zsh") is None, reason="no zsh here")
def test_zsh_completes_commands_options_and_files(directory: Path) -> None:
    lines = {
        "evener lbaas-pool-cr\t": "lbaas-pool-create",
        "evener --os-clo\t": "--os-cloud",
        "evener lbaas-pool-create --lb-a\tRO\t": "--lb-algorithm ROUND_ROBIN",
        "evener lbaas-listener-create --certificate cer\t": "--certificate cert.pem",
    }
    ours, theirs = pty.openpty()
    env = {"PATH": os.environ["PATH"], "HOME": str(directory), "TERM": "dumb", "LC_ALL": "C.UTF-8"}
    process = subprocess.Popen(
        ["zsh", "-f", "-i"], cwd=directory, env=env, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    try:
        os.write(ours, SETUP.encode())
        until(ours, "ready")
        for typed, expected in lines.items():
            os.write(ours, typed.encode() + b"\n")
            until(ours, f"{expected}>")
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def until(terminal: int, text: str, within_s: float = 60.0) -> None:
    """Read from a terminal until it shows `text`."""
    seen, deadline = "", time.monotonic() + within_s
    while text not in seen:
        assert select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))[0], seen
        seen += os.read(terminal, 65536).decode(errors="replace")


def test_every_command_is_in_a_group_and_described(shell: Shell) -> None:
    commands = dict(shell.command_manager)
    groups = grouped(commands)
    assert sorted(name for names in groups.values() for name in names) == sorted(commands)
    assert OTHERS not in groups
    assert all(len(line) <= WIDTH for line in overview(dict.fromkeys(commands, "word " * 30)).split("\n"))


def test_all_help_has_room_in_80_columns(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    parsers = {
        name: entry.load()(shell, None).get_parser(f"evener {name}") for name, entry in shell.command_manager
    }
    texts = {name: parser.format_help() for name, parser in parsers.items()} | {
        "": shell.parser.format_help()
    }
    assert {name: line for name, text in texts.items() for line in text.split("\n") if len(line) > 80} == {}
