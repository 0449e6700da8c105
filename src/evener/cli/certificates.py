"""Certificates from files: they become secrets in a container, whose reference a listener takes. Ours.

Knows the secret service as Barbican's API v1 has it (https://docs.openstack.org/barbican/latest/api/). Prints no
part of a key.
"""

import argparse
import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from evener.cli.client import Client
from evener.cli.errors import CliError, Refused

FILES = (
    ("certificate", "certificate", "certificate"),
    ("private_key", "private", "key"),
    ("intermediates", "certificate", "intermediates"),
)
Parts = Mapping[str, tuple[str, bytes]]  # what each is, as the secret service calls it, and what is in it


def add_files(parser: argparse._ActionsContainer, *, required: bool) -> None:
    """Add the options that name the files of a certificate."""
    parser.add_argument(
        "--certificate", metavar="FILE", required=required, help="File with the certificate, or a bundle."
    )
    parser.add_argument("--key", metavar="FILE", help="File with its private key.")
    parser.add_argument(
        "--intermediates", metavar="FILE", help="File with the certificates between it and the root."
    )
    word = parser.add_mutually_exclusive_group()
    word.add_argument("--passphrase", metavar="WORD", help="What the key or bundle is protected with.")
    word.add_argument("--passphrase-file", metavar="FILE", help="File with what it is protected with.")


def parts_of(parsed: argparse.Namespace) -> Parts:
    """Return what is in the files that were named.

    Raises:
        CliError: when one cannot be read, or is empty.
    """
    parts = {
        part: (kind, _read(getattr(parsed, option)))
        for part, kind, option in FILES
        if getattr(parsed, option) is not None
    }
    if parsed.passphrase_file is not None:
        parts["private_key_passphrase"] = ("passphrase", _read(parsed.passphrase_file))
    elif parsed.passphrase is not None:
        parts["private_key_passphrase"] = ("passphrase", parsed.passphrase.encode())
    return parts


def _read(file: str) -> bytes:
    try:
        found = Path(file).read_bytes()
    except OSError as error:
        raise CliError(f"Unable to read {file}: {error.strerror}") from None
    if not found.strip():
        raise CliError(f"There is nothing in {file}")
    return found


def store(client: Client, name: str | None, parts: Parts) -> dict[str, str]:
    """Make the secrets and the container, or nothing; return its name and reference."""
    refs: dict[str, str] = {}
    try:
        for part, (kind, content) in parts.items():
            refs[part] = client.secrets("POST", "secrets", _secret(name, part, kind, content))["secret_ref"]
        listed = [{"name": part, "secret_ref": ref} for part, ref in refs.items()]
        body = {"type": "certificate", "name": name, "secret_refs": listed}
        ref = str(client.secrets("POST", "containers", body)["container_ref"])
    except CliError:
        for ref in refs.values():
            with suppress(CliError):
                client.secrets("DELETE", f"secrets/{id_of(ref)}")
        raise
    return {"name": name or "", "container_ref": ref}


def _secret(name: str | None, part: str, kind: str, content: bytes) -> dict[str, Any]:
    described = {"name": f"{name} {part}" if name else part, "secret_type": kind}
    try:
        text = content.decode("ascii")
    except UnicodeDecodeError:
        encoded = base64.b64encode(content).decode()
        binary = {"payload_content_type": "application/octet-stream", "payload_content_encoding": "base64"}
        return {**described, "payload": encoded, **binary}
    return {**described, "payload": text, "payload_content_type": "text/plain"}


def delete(client: Client, container: Mapping[str, Any]) -> None:
    """Delete a container, as the secret service shows it, and its secrets.

    Raises:
        Refused: when it is in use.
    """
    client.secrets("DELETE", f"containers/{id_of(container['container_ref'])}")
    for part in container["secret_refs"]:
        with suppress(Refused):  # another container may hold it, or somebody was quicker
            client.secrets("DELETE", f"secrets/{id_of(part['secret_ref'])}")


@contextmanager
def stored(client: Client, parsed: argparse.Namespace) -> Iterator[dict[str, str]]:
    """Give what a listener takes of the files that were named, if any; they go again where it is refused."""
    if parsed.certificate is None:
        if any((parsed.key, parsed.intermediates, parsed.passphrase, parsed.passphrase_file)):
            raise CliError("--key, --intermediates and --passphrase go with --certificate")
        yield {}
        return
    name = getattr(parsed, "name", None) or Path(parsed.certificate).stem
    ref = store(client, name, parts_of(parsed))["container_ref"]
    try:
        yield {"default_tls_container_ref": ref}
    except CliError:
        with suppress(CliError):
            delete(client, client.secrets("GET", f"containers/{id_of(ref)}"))
        raise


def id_of(ref: str) -> str:
    """Return the id in a reference."""
    return ref.rstrip("/").rpartition("/")[2]
