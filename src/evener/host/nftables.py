"""Our table of packet rules in a network namespace: replaced as a whole, and read back.

Speaks libnftables' JSON (libnftables-json(5)) in this process. Touches no table but its own, and none at all in the
namespace of the host.
"""

import ctypes
import errno
import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from evener.host import netns
from evener.host.errors import HostError, LibraryMissing, NamespaceMissing
from evener.host.rules import Chain

TABLE = {"family": "inet", "name": "evener"}
LIBRARY, PACKAGE = "libnftables.so.1", "libnftables1"
OUTPUT_JSON = 1 << 4  # nftables/libnftables.h: NFT_CTX_OUTPUT_JSON

_running = threading.Lock()  # the library keeps tables of names that all of its contexts share


def replace(namespace: str, chains: Iterable[Chain]) -> str:
    """Make our table in `namespace` consist of `chains`, in one transaction, and return what `read` now returns.

    There is no moment without rules, and connections that are tracked go on.

    Raises:
        LibraryMissing: when libnftables is not installed.
        NamespaceMissing: when there is no such namespace.
        HostError: when the kernel refuses; then the old rules stand.
    """
    commands: list[Any] = [{"add": {"table": TABLE}}, {"delete": {"table": TABLE}}, {"add": {"table": TABLE}}]
    place = {"family": TABLE["family"], "table": TABLE["name"]}
    for chain in chains:
        hook = {"type": chain.kind, "hook": chain.hook, "prio": chain.priority, "policy": chain.policy}
        commands.append({"add": {"chain": {**place, "name": chain.name, **hook}}})
        commands.extend(
            {"add": {"rule": {**place, "chain": chain.name, "expr": list(rule)}}} for rule in chain.rules
        )
    with netns.inside(namespace), _running, _context() as context:
        _run(context, commands, f"set the packet rules in namespace {namespace}")
        return _run(context, [{"list": {"table": TABLE}}], f"read the packet rules in namespace {namespace}")


def read(namespace: str) -> str | None:
    """Return our table in `namespace` as the kernel has it, or None where it has none; for comparison only.

    Raises:
        LibraryMissing, NamespaceMissing, HostError: as `replace`.
    """
    with netns.inside(namespace), _running, _context() as context:
        try:
            return _run(
                context, [{"list": {"table": TABLE}}], f"read the packet rules in namespace {namespace}"
            )
        except HostError as error:
            if error.errno == errno.ENOENT:
                return None
            raise


class Keeper:
    """Keeps our table in one namespace what it should be, and writes it only where it is not.

    Compares with what was read back just after it was written: how the kernel tells a rule depends on the version of
    the library. So the first `ensure` writes always.
    """

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self._wanted: tuple[Chain, ...] = ()
        self._left: str | None = None

    def ensure(self, chains: tuple[Chain, ...]) -> bool:
        """Make the table consist of `chains`, unless they were written already; return whether it was written.

        Raises:
            LibraryMissing, NamespaceMissing, HostError: as `replace`.
        """
        if self._left is not None and chains == self._wanted:
            return False
        self._left = None
        self._left = replace(self._namespace, chains)
        self._wanted = chains
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


@cache
def _library() -> Any:
    try:
        library: Any = ctypes.CDLL(LIBRARY)
    except OSError as error:
        raise LibraryMissing(
            f"Cannot set packet rules: {LIBRARY} is missing; install the package {PACKAGE}", errno.ENOENT
        ) from error
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint
    for name, result, arguments in (
        ("nft_ctx_new", pointer, (ctypes.c_uint32,)),
        ("nft_ctx_free", None, (pointer,)),
        ("nft_ctx_buffer_output", ctypes.c_int, (pointer,)),
        ("nft_ctx_buffer_error", ctypes.c_int, (pointer,)),
        ("nft_ctx_output_set_flags", None, (pointer, number)),
        ("nft_ctx_get_output_buffer", text, (pointer,)),
        ("nft_ctx_get_error_buffer", text, (pointer,)),
        ("nft_run_cmd_from_buffer", ctypes.c_int, (pointer, text)),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


@contextmanager
def _context() -> Iterator[int]:
    """Give a context whose netlink socket belongs to the calling thread's namespace."""
    library = _library()
    context = library.nft_ctx_new(0)
    if not context:
        raise HostError("Cannot set packet rules: libnftables has no memory left", errno.ENOMEM)
    try:
        library.nft_ctx_buffer_output(context)
        library.nft_ctx_buffer_error(context)
        library.nft_ctx_output_set_flags(context, OUTPUT_JSON)
        yield context
    finally:
        library.nft_ctx_free(context)


def _run(context: int, commands: list[Any], doing: str) -> str:
    library = _library()
    failed = library.nft_run_cmd_from_buffer(context, json.dumps({"nftables": commands}).encode())
    answer: str = library.nft_ctx_get_output_buffer(context).decode()
    if failed:
        said = library.nft_ctx_get_error_buffer(context).decode("utf-8", "replace")
        missing = "No such file or directory" in said
        advice = "run as root, or with CAP_NET_ADMIN; the kernel needs nf_tables, nft_ct and nft_nat"
        raise HostError(
            f"Cannot {doing}: {said.strip()}; {advice}", errno.ENOENT if missing else errno.EINVAL
        )
    return answer
