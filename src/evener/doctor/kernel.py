"""Tries what the kernel is needed for, in a network namespace that ends with it: `python -m evener.doctor.kernel`.

Prints, as JSON, why each feature does not work, or null. Leaves nothing behind, and touches nothing of the host.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from evener.doctor.checks import FEATURES

LONGEST_S = 30
TABLE = {"family": "inet", "name": "evener_doctor"}


def main() -> None:
    """Try each, and print what came of it."""
    sys.stdout.write(json.dumps(tried()) + "\n")


def tried() -> dict[str, str | None]:
    """Return why each feature does not work, in this thread, which is in another namespace afterwards."""
    from evener.host import syscalls

    found = {"network namespaces": _error(syscalls.unshare_net)}
    if found["network namespaces"] is not None:
        return found | dict.fromkeys(FEATURES.keys() - found.keys(), "there is no namespace to try it in")
    return found | {name: _error(attempt) for name, attempt in ATTEMPTS.items()}


def _error(attempt: Callable[[], object]) -> str | None:
    try:
        attempt()
    except Exception as error:  # noqa: BLE001 - whatever the kernel or a library says
        return str(getattr(error, "strerror", None) or error) or type(error).__name__
    return None


def _link(**wanted: Any) -> None:
    from pyroute2 import IPRoute

    with IPRoute() as ip:
        ip.link("add", **wanted)


def _nftables() -> None:
    from evener.host import nft_process

    library = nft_process._library()  # noqa: SLF001 - it runs what is needed and nothing else
    if library is None:
        raise OSError(f"{nft_process.LIBRARY} is missing")
    answer = nft_process._run_all(library, [{"nftables": [{"add": {"table": TABLE}}]}])  # noqa: SLF001
    for failed, said in answer or ():
        if failed:
            raise OSError(said.strip().split("\n")[0])


ATTEMPTS: dict[str, Callable[[], object]] = {
    "veth": lambda: _link(ifname="doctor0", kind="veth", peer="doctor1"),
    "bridge": lambda: _link(ifname="doctor2", kind="bridge"),
    "nftables": _nftables,
}


def ask() -> dict[str, str | None]:
    """Return what a process of its own finds, for who wants to stay where it is."""
    command = [sys.executable, "-m", __name__]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST_S, check=True)
        found: dict[str, str | None] = json.loads(run.stdout)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        return dict.fromkeys(FEATURES, f"cannot be tried: {error}")
    return found


def is_root() -> bool:
    """Return whether there is any use in trying."""
    return os.geteuid() == 0


if __name__ == "__main__":
    main()
