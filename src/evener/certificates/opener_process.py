"""One process that runs `opener`, as its parent sees it: started, asked, ended. Remembers nothing."""

import base64
import json
import logging
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, fields

from pydantic import TypeAdapter, ValidationError

from evener.certificates.errors import Unusable
from evener.certificates.frames import receive, send
from evener.certificates.parts import Certificate, Parts, Trusted, TrustParts
from evener.resources.errors import Unavailable

LOG = logging.getLogger(__name__)
START_S = 60  # on a machine that does much else
# What is made of what. Each kind of parts is called by its name on the way.
MADE: Mapping[type[Parts | TrustParts], TypeAdapter[Certificate] | TypeAdapter[Trusted]] = {
    Parts: TypeAdapter(Certificate),
    TrustParts: TypeAdapter(Trusted),
}
UNREADABLE = "The certificate cannot be read"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one opening may take: seconds of processor time, seconds, MiB of memory.

    OpenSSL's own default of rounds takes a millisecond, what careful people choose a third of a second; OpenSSL
    itself opens nothing with scrypt that takes more than 32 MiB.
    """

    cpu_s: int = 5
    wall_s: int = 20
    memory_mib: int = 512


class Child:
    """A process that opens one certificate after another, until one is too much for it."""

    def __init__(self, limits: Limits) -> None:
        """Start it.

        Raises:
            Unavailable: when it does not run.
        """
        self._limits = limits
        self._connection, theirs = socket.socketpair()
        program = [sys.executable, "-P", "-m", "evener.certificates.opener_main"]
        try:
            with theirs:
                self._process = subprocess.Popen(
                    [*program, str(limits.cpu_s), str(limits.memory_mib)],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
        except OSError as error:
            self._connection.close()
            raise Unavailable(f"the program that opens it does not run: {error}") from None
        self._connection.settimeout(START_S)
        try:
            ready = receive(self._connection)
        except OSError:
            ready = None
        if ready is None:
            self.end()
            raise Unavailable("the program that opens it does not run")

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it can be asked again."""
        return self._process.poll() is None

    def open(self, parts: Parts | TrustParts) -> Certificate | Trusted:
        """Return what `parts` make; after a limit was reached the process is no more.

        Raises:
            Unusable: saying what is wrong.
            Unavailable: when the machine has no time for it.
        """
        given = {each.name: getattr(parts, each.name) for each in fields(parts)}
        payloads = {
            name: base64.b64encode(value).decode() for name, value in given.items() if value is not None
        }
        request = {type(parts).__name__: payloads}
        self._connection.settimeout(self._limits.wall_s)
        try:
            send(self._connection, json.dumps(request).encode())
            answer = receive(self._connection)
        except TimeoutError:
            self.end()
            raise Unavailable("the machine is too busy to open it") from None
        except OSError:
            answer = None
        if answer is None:
            raise self._why_it_ended()
        return self._read(answer, MADE[type(parts)])

    def _why_it_ended(self) -> Unusable | Unavailable:
        """Return what became of the process, whose stream has ended."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        number = -self.end()
        if number == signal.SIGXCPU:
            return Unusable(
                f"It takes more than {self._limits.cpu_s} seconds of processor time to open; "
                "protect it with fewer rounds, or give certificate and key in PEM"
            )
        if number == signal.SIGKILL:  # not by us: nobody knows why
            return Unavailable("the program that opens it was ended")
        LOG.warning("A certificate ended the process that opened it (%d)", number)
        return Unusable(UNREADABLE)

    def _read(
        self, answer: bytes, made: TypeAdapter[Certificate] | TypeAdapter[Trusted]
    ) -> Certificate | Trusted:
        try:
            match json.loads(answer):
                case {"opened": found}:
                    return made.validate_python(found)
                case {"reason": str(reason)}:
                    raise Unusable(reason)
                case {"unexpected": str(name)}:
                    LOG.error("A certificate was refused for an error that nobody expected: %s", name)
                    raise Unusable(UNREADABLE)
        except (ValidationError, ValueError):
            pass
        self.end()
        raise Unavailable("the program that opens it speaks another language")

    def end(self) -> int:
        """End it, and return what it ended with."""
        self._process.kill()
        self._connection.close()
        return int(self._process.wait())
