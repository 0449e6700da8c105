"""Our table of packet rules in a network namespace: replaced as a whole, and read back.

Speaks libnftables' JSON (libnftables-json(5)) by way of `nft_process`. Touches no table but its own, and none at all in
the namespace of the host.
"""

import errno
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

from evener.host import netns, nft_process
from evener.host.errors import HostError, LibraryMissing, NamespaceMissing
from evener.host.notes import Note
from evener.host.rules import Chain

TABLE = {"family": "inet", "name": "evener"}
PACKAGE = "libnftables1"
_ANSWER_S = 20.0
_CODES = tuple((os.strerror(code), code) for code in (errno.ENOENT, errno.EEXIST))


def create(namespace: str, chains: Iterable[Chain]) -> str | None:
    """Make our table in `namespace`, which has none, consist of `chains`; return what `read` now returns.

    None where there is one already; then nothing is changed. Where there is none this takes a tenth of the time that
    `replace` takes, in which the kernel waits for all who may still use what is deleted.

    Raises:
        LibraryMissing, NamespaceMissing, HostError: as `replace`.
    """
    try:
        return _write(namespace, [{"create": {"table": TABLE}}], chains)
    except HostError as error:
        if error.errno == errno.EEXIST:
            return None
        raise


def replace(namespace: str, chains: Iterable[Chain]) -> str:
    """Make our table in `namespace` consist of `chains`, in one transaction, and return what `read` now returns.

    There is no moment without rules, and connections that are tracked go on.

    Raises:
        LibraryMissing: when libnftables is not installed.
        NamespaceMissing: when there is no such namespace.
        HostError: when the kernel refuses; then the old rules stand.
    """
    return _write(
        namespace,
        [{"add": {"table": TABLE}}, {"delete": {"table": TABLE}}, {"add": {"table": TABLE}}],
        chains,
    )


def _write(namespace: str, beginning: list[Any], chains: Iterable[Chain]) -> str:
    commands = list(beginning)
    place = {"family": TABLE["family"], "table": TABLE["name"]}
    for chain in chains:
        hook = {"type": chain.kind, "hook": chain.hook, "prio": chain.priority, "policy": chain.policy}
        commands.append({"add": {"chain": {**place, "name": chain.name, **hook}}})
        commands.extend(
            {"add": {"rule": {**place, "chain": chain.name, "expr": list(rule)}}} for rule in chain.rules
        )
    return _run(
        namespace,
        (f"set the packet rules in namespace {namespace}", commands),
        (f"read the packet rules in namespace {namespace}", [{"list": {"table": TABLE}}]),
    )


def read(namespace: str) -> str | None:
    """Return our table in `namespace` as the kernel has it, or None where it has none; for comparison only.

    Raises:
        LibraryMissing, NamespaceMissing, HostError: as `replace`.
    """
    try:
        return _run(
            namespace, (f"read the packet rules in namespace {namespace}", [{"list": {"table": TABLE}}])
        )
    except NamespaceMissing:
        raise
    except HostError as error:
        if error.errno == errno.ENOENT and not isinstance(error, LibraryMissing):
            return None
        raise


class Keeper:
    """Keeps our table in one namespace what it should be, and writes it only where it is not.

    Compares with what was read back just after it was written: how the kernel tells a rule depends on the version of
    the library. Both are noted in the file `note`, where one is given, so that who comes later need not write the table
    to know it; without, the first `ensure` writes always.
    """

    def __init__(self, namespace: str, note: Path | None = None) -> None:
        self._namespace = namespace
        self._note = Note(note, "chains")
        self._wanted: tuple[Chain, ...] = ()
        self._left: str | None = None

    def ensure(self, chains: tuple[Chain, ...]) -> bool:
        """Make the table consist of `chains`, unless they were written already; return whether it was written.

        Raises:
            LibraryMissing, NamespaceMissing, HostError: as `replace`.
        """
        if self._left is not None and chains == self._wanted:
            return False
        never, self._left = not self._wanted, None
        noted = self._note.left(_plain(chains)).get("left") if never else None
        if noted is not None and read(self._namespace) == noted:
            self._wanted, self._left = chains, noted
            return False
        left = create(self._namespace, chains) if never else None
        self._left = replace(self._namespace, chains) if left is None else left
        self._wanted = chains
        self._note.write(_plain(chains), left=self._left)
        return True

    def stands(self) -> bool:
        """Look whether the table is as it was left; where it is not, the next `ensure` writes it.

        Raises:
            LibraryMissing, HostError: as `replace`.
        """
        try:
            if self._left is None or read(self._namespace) != self._left:
                self._left = None
        except NamespaceMissing:
            self._left = None
        return self._left is not None


def _plain(chains: tuple[Chain, ...]) -> Any:
    """Return chains as they come out of JSON."""
    return json.loads(json.dumps([[getattr(chain, each.name) for each in fields(chain)] for chain in chains]))


class _Process:
    """The process that runs libnftables: started when it is first needed, and again where it has ended."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._channel: socket.socket | None = None
        self._child: subprocess.Popen[bytes] | None = None

    def ask(self, namespace: int, inputs: list[Any]) -> nft_process.Answer:
        """Return what libnftables answers to `inputs` in the namespace of that descriptor.

        Raises:
            OSError: when the process does not answer.
        """
        with self._guard:
            try:
                return self._ask(namespace, inputs)
            except OSError:
                self._end()
            return self._ask(namespace, inputs)

    def _ask(self, namespace: int, inputs: list[Any]) -> nft_process.Answer:
        if self._channel is None:
            self._start()
        assert self._channel is not None  # noqa: S101 - it was started
        nft_process.send(self._channel, inputs, (namespace,))
        received = nft_process.receive(self._channel)
        if received is None:
            raise ConnectionResetError(errno.ECONNRESET, "it has ended")
        answer: nft_process.Answer = json.loads(received[0])
        return answer

    def _start(self) -> None:
        self._channel, theirs = socket.socketpair()
        self._channel.settimeout(_ANSWER_S)
        with theirs:
            self._child = subprocess.Popen(
                [sys.executable, "-P", "-m", nft_process.__name__],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )

    def _end(self) -> None:
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            self._child = None


_process = _Process()


def _run(namespace: str, *inputs: tuple[str, list[Any]]) -> str:
    """Run `inputs`, each with what it is for, in `namespace`; return what the last one answers."""
    with netns.opened(namespace) as fd:
        if netns.identity(namespace) is None:
            raise NamespaceMissing(f"There is no network namespace {namespace}", errno.ENOENT)
        try:
            answers = _process.ask(fd, [{"nftables": commands} for _, commands in inputs])
        except OSError as error:
            raise HostError(f"Cannot set packet rules: libnftables does not answer: {error}") from error
    if answers is None:
        raise LibraryMissing(
            f"Cannot set packet rules: {nft_process.LIBRARY} is missing; install the package {PACKAGE}",
            errno.ENOENT,
        )
    for (doing, _), (failed, said) in zip(inputs, answers, strict=True):
        if failed:
            advice = "run as root, or with CAP_NET_ADMIN; the kernel needs nf_tables, nft_ct and nft_nat"
            reason = f"Cannot {doing}: {said.strip()}; {advice}"
            raise HostError(reason, next((code for words, code in _CODES if words in said), errno.EINVAL))
    return answers[-1][1]
