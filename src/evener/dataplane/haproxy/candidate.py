"""A configuration on its way to be the one that runs: HAProxy says whether it takes it. Replaces nothing."""

import subprocess

from evener.dataplane.haproxy import files, process
from evener.dataplane.haproxy.errors import Refused
from evener.dataplane.haproxy.model import Config
from evener.dataplane.haproxy.paths import Paths

_CHECK_S = 30.0
_EMPTY_STATE = "1\n"  # a state file of format version 1 that knows no server


def write(wanted: Config, paths: Paths, binary: str) -> None:
    """Put `wanted` beside the configuration that runs, and have it checked.

    Raises:
        Refused: with HAProxy's words.
        OSError: when no process can be started now.
    """
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
