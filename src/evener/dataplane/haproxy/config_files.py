"""The files by which a configuration is served: put there once HAProxy says that it takes them, or put back.

Must not start, reload or tell HAProxy anything.
"""

import subprocess

from evener.dataplane import files
from evener.dataplane.haproxy import client_map_files, exporter, process, tls
from evener.dataplane.haproxy.errors import Refused
from evener.dataplane.haproxy.model import Config
from evener.dataplane.haproxy.paths import Paths

_CHECK_S = 30.0
_EMPTY_STATE = "1\n"  # a state file of format version 1 that knows no server


def install(paths: Paths, wanted: Config, last: Config | None, binary: str) -> None:
    """Put `wanted` on disk, if HAProxy takes it; what `last` needs stays.

    Raises:
        Refused: with HAProxy's words.
        OSError: when no process can be started now.
    """
    client_map_files.touch(paths, wanted)
    write_needed(paths, wanted)
    try:
        _check(paths, wanted, binary)
    except (Refused, OSError):
        paths.candidate.unlink(missing_ok=True)
        write_needed(paths, last)
        raise
    files.move(paths.candidate, paths.conf)


def put_back(paths: Paths, before: str | None, last: Config | None) -> None:
    """Put the file back that was there before a start or reload that failed, and what `last` needs."""
    if before is None:
        paths.conf.unlink(missing_ok=True)
    else:
        files.replace(paths.conf, before)
    write_needed(paths, last)


def write_needed(paths: Paths, config: Config | None) -> None:
    """Put what `config` needs beside what is there; what is not needed any more goes once it is applied."""
    if config is not None and config.exporter_lines and files.read(paths.script) != exporter.script():
        files.replace(paths.script, exporter.script())
    for name, text in tls.files(config or Config()).items():
        paths.certificates.mkdir(mode=0o700, exist_ok=True)
        path = paths.certificates / name
        if files.read(path) != text:
            files.replace(path, text, mode=files.SECRET)


def _check(paths: Paths, wanted: Config, binary: str) -> None:
    """Put `wanted` beside the configuration that runs, and have it checked."""
    files.write(paths.candidate, wanted.text)
    if not paths.state.exists():
        files.write(paths.state, _EMPTY_STATE)
    command = (binary, "-c", "-f", str(paths.candidate))
    try:
        check = subprocess.run(
            command, capture_output=True, text=True, timeout=_CHECK_S, check=False, cwd=paths.directory
        )
    except (FileNotFoundError, PermissionError, subprocess.TimeoutExpired) as error:
        raise Refused(f"{binary} -c: {error}") from error
    if check.returncode != 0:
        raise Refused(process.said(check.stderr, paths) or f"haproxy -c ended with {check.returncode}")
