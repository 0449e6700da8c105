"""The program that opens certificates, in a process of its own: parts in, what they make out, until its input ends.

It takes no more than it was given of processor time, memory, files and processes, and nothing of its parent's rights:
a flaw in the libraries below would be met by what users hand in. Whoever talks to it is `child`.
"""

import base64
import json
import os
import resource
import socket
import sys
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import InternalError
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, pkcs12

from evener.certificates.errors import Unusable
from evener.certificates.frames import receive, send
from evener.certificates.parts import Parts, TrustParts
from evener.certificates.read import read
from evener.certificates.trust import read_trust

NOBODY = 65534
NICENESS = 10  # requests come first


def main() -> None:
    """Serve on the socket that is the standard input; the arguments are seconds of CPU a request, and MiB."""
    seconds, mebibytes = map(int, sys.argv[1:])
    connection = socket.socket(fileno=os.dup(0))
    _rehearse()
    _confine(mebibytes)
    send(connection, b"ready")
    while (request := receive(connection)) is not None:
        _allow_more_time(seconds)
        send(connection, json.dumps(_answer(request, mebibytes), default=datetime.isoformat).encode())


def _rehearse() -> None:
    """Open bundles of both kinds of keys: what the libraries load late is there before files are out of reach."""
    name, now = x509.Name([]), datetime.now(UTC)
    for key in (ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)):
        builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now)
        leaf = builder.sign(key, hashes.SHA256())
        revoked = x509.CertificateRevocationListBuilder(name, now, now).sign(key, hashes.SHA256())
        read_trust(TrustParts(leaf.public_bytes(Encoding.PEM), revoked.public_bytes(Encoding.PEM)))
        protection = BestAvailableEncryption(b"rehearsal")
        read(
            Parts(
                pkcs12.serialize_key_and_certificates(b"", key, leaf, None, protection),
                passphrase=b"rehearsal",
            )
        )


def _confine(mebibytes: int) -> None:
    os.nice(NICENESS)
    with suppress(OSError):  # who is not root has no more rights than that
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    for which, limit in (
        (resource.RLIMIT_AS, mebibytes << 20),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 0),
        (resource.RLIMIT_NPROC, 0),
    ):
        resource.setrlimit(which, (limit, limit))


def _allow_more_time(seconds: int) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    most = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (round(used.ru_utime + used.ru_stime) + seconds, most))


def _answer(request: bytes, mebibytes: int) -> dict[str, Any]:
    try:
        ((kind, payloads),) = json.loads(request).items()
        given = {name: base64.b64decode(value) for name, value in payloads.items()}
        opened = read(Parts(**given)) if kind == "Parts" else read_trust(TrustParts(**given))
        return {"opened": asdict(opened)}
    except Unusable as error:
        return {"reason": error.reason}
    except (MemoryError, InternalError):  # what the library makes of an allocation that failed
        return {"reason": f"It takes more than {mebibytes} MiB of memory to open"}
    except Exception as error:  # noqa: BLE001 - whatever a library says of what users hand in
        return {"unexpected": type(error).__name__}


if __name__ == "__main__":
    main()
