"""Opens certificates, those under a passphrase in a process of its own. Run as a program, it is that process.

Whoever makes a protected key or a PKCS12 bundle says how many rounds of hashing open it, up to hours of them, and
the library holds the interpreter's lock all the while. A process can be given seconds, and no more.
"""

import base64
import dataclasses
import json
import resource
import subprocess
import sys
from datetime import datetime
from functools import lru_cache
from typing import Any

from evener.resources.errors import Unavailable
from evener.secrets.certificates import DER_SEQUENCE, Certificate, Parts, read
from evener.secrets.errors import Unusable

MOST_CPU_S = 5  # OpenSSL's own default takes a millisecond, what careful people choose a third of a second
MOST_WAIT_S = 60
MOMENTS = ("not_before", "not_after")


@lru_cache(maxsize=512)
def open_parts(parts: Parts) -> Certificate:
    """Return the certificate that `parts` make. Payloads never change, so the same ones are opened once.

    Raises:
        Unusable: saying what is wrong.
        Unavailable: when the process does not run, or not in time.
    """
    bundle = parts.private_key is None and parts.certificate.startswith(DER_SEQUENCE)
    return _read_elsewhere(parts) if parts.passphrase or bundle else read(parts)


def _read_elsewhere(parts: Parts) -> Certificate:
    given = {
        name: base64.b64encode(value).decode() for name, value in _fields(parts).items() if value is not None
    }
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "evener.secrets.opening", str(MOST_CPU_S)],
            input=json.dumps(given).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=MOST_WAIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Unavailable("the machine is too busy to decrypt it") from None
    if done.returncode < 0:  # ended by a signal: its time was over
        raise Unusable(f"The private key takes more than {MOST_CPU_S} seconds to decrypt")
    if done.returncode > 0:
        raise Unavailable("the program that decrypts it does not run")
    answer = json.loads(done.stdout)
    if "reason" in answer:
        raise Unusable(answer["reason"])
    moments = {name: datetime.fromisoformat(answer[name]) for name in MOMENTS}
    lists = {name: tuple(answer[name]) for name in ("intermediates", "names")}
    return Certificate(**{**answer, **moments, **lists})


def _fields(value: Any) -> dict[str, Any]:
    return {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}


def main() -> None:
    """Read parts from standard input, and write what they make to standard output; the argument is CPU seconds."""
    seconds = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    given = json.load(sys.stdin)
    parts = Parts(**{name: base64.b64decode(value) for name, value in given.items()})
    try:
        answer = _fields(read(parts))
    except Unusable as error:
        answer = {"reason": error.reason}
    json.dump(answer, sys.stdout, default=datetime.isoformat)


if __name__ == "__main__":
    main()
