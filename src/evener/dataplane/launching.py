"""Starts what carries or moves traffic: a process in a network namespace, which outlives us and keeps few rights."""

import contextlib
import subprocess
from collections.abc import Collection, Sequence
from pathlib import Path

from evener.host import netns, syscalls


def launch(
    command: Sequence[str],
    namespace: str,
    directory: Path,
    outputs: tuple[int, int],
    capabilities: Collection[int],
) -> subprocess.Popen[bytes]:
    """Start a process in `directory`, with `outputs` as its stdout and stderr, and these capabilities(7).

    The thread that calls keeps no others either.
    """
    with contextlib.suppress(PermissionError):  # who has few has nothing to give up
        syscalls.keep_capabilities(capabilities)
    with netns.inside(namespace):
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=outputs[0],
            stderr=outputs[1],
            start_new_session=True,
            umask=0o027,
            cwd=directory,
        )
