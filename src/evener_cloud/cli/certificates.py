"""The commands for certificates: files become secrets in a container, whose reference a listener takes. Ours.

Knows the secret service as Barbican's API v1 has it (https://docs.openstack.org/barbican/latest/api/). Prints no
part of a key.
"""

import argparse
import base64
from contextlib import suppress
from pathlib import Path
from typing import Any

from evener.cli.client import UUID, Client
from evener.cli.command import AnyCommand, Command, Lister, ShowOne, Table, client_of, say
from evener.cli.errors import CliError, NotFound, NotUnique, Refused, together

PAGE = 100
FILES = (
    ("certificate", "certificate", "certificate"),
    ("private_key", "private", "key"),
    ("intermediates", "certificate", "intermediates"),
)


class CreateCertificate(ShowOne):
    """Store a certificate with its key for TERMINATED_HTTPS listeners, and show the reference they take.

    Files may be PEM or DER; a bundle (PKCS12, or PEM with certificate, key and intermediates) needs no --key.
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--name", help="Name of the certificate.")
        parser.add_argument(
            "--certificate", metavar="FILE", required=True, help="File with the certificate, or a bundle."
        )
        parser.add_argument("--key", metavar="FILE", help="File with its private key.")
        parser.add_argument(
            "--intermediates", metavar="FILE", help="File with the certificates between it and the root."
        )
        word = parser.add_mutually_exclusive_group()
        word.add_argument("--passphrase", metavar="WORD", help="What the key or bundle is protected with.")
        word.add_argument("--passphrase-file", metavar="FILE", help="File with what it is protected with.")

    def take_action(self, parsed_args: argparse.Namespace) -> Table:
        client = client_of(self.app)
        parts = {
            part: (kind, _read(getattr(parsed_args, option)))
            for part, kind, option in FILES
            if getattr(parsed_args, option) is not None
        }
        if parsed_args.passphrase_file is not None:
            parts["private_key_passphrase"] = ("passphrase", _read(parsed_args.passphrase_file))
        elif parsed_args.passphrase is not None:
            parts["private_key_passphrase"] = ("passphrase", parsed_args.passphrase.encode())
        shown = _store(client, parsed_args.name, parts)
        if parsed_args.formatter == "table":
            say(self.app, "Created a new certificate:")
        return tuple(shown), tuple(shown.values())


class ListCertificates(Lister):
    """List the certificates that are stored, by the references that listeners take."""

    def take_action(self, parsed_args: argparse.Namespace) -> Table:  # noqa: ARG002
        found = [_shown(container) for container in _containers(client_of(self.app))]
        return ("name", "container_ref", "used_by"), [tuple(each.values()) for each in found]


class DeleteCertificate(Command):
    """Delete certificates that no listener uses, with their secrets."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("certificate", metavar="CERTIFICATE", nargs="+", help="Reference, id or name.")

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        client = client_of(self.app)
        failures: list[CliError] = []
        for wanted in parsed_args.certificate:
            try:
                container = _find(client, wanted)
                client.secrets("DELETE", f"containers/{_id(container['container_ref'])}")
                for part in container["secret_refs"]:
                    with suppress(Refused):  # another container may hold it, or somebody was quicker
                        client.secrets("DELETE", f"secrets/{_id(part['secret_ref'])}")
                say(self.app, f"Deleted certificate(s): {wanted}")
            except (NotFound, NotUnique, Refused) as failure:
                failures.append(failure)
        if failures:
            raise together(failures)


COMMANDS: dict[str, type[AnyCommand]] = {
    "lbaas-certificate-create": CreateCertificate,
    "lbaas-certificate-delete": DeleteCertificate,
    "lbaas-certificate-list": ListCertificates,
}


def _read(file: str) -> bytes:
    try:
        found = Path(file).read_bytes()
    except OSError as error:
        raise CliError(f"Unable to read {file}: {error.strerror}") from None
    if not found.strip():
        raise CliError(f"There is nothing in {file}")
    return found


def _store(client: Client, name: str | None, parts: dict[str, tuple[str, bytes]]) -> dict[str, str]:
    """Make the secrets and the container, or nothing."""
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
                client.secrets("DELETE", f"secrets/{_id(ref)}")
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


def _containers(client: Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        query = {"type": "certificate", "limit": PAGE, "offset": len(found)}
        answer = client.secrets("GET", "containers", query=query)
        found += answer["containers"]
        if not answer["containers"] or len(found) >= answer["total"]:
            return found


def _shown(container: dict[str, Any]) -> dict[str, str]:
    users = [each["URL"].rpartition("/")[2] for each in container["consumers"]]
    ref = str(container["container_ref"])
    return {"name": container["name"] or "", "container_ref": ref, "used_by": ", ".join(users)}


def _find(client: Client, wanted: str) -> dict[str, Any]:
    """Return the container with that reference, id or name.

    Raises:
        NotFound: when there is none.
        NotUnique: when several have the name.
    """
    if UUID.fullmatch(_id(wanted)):
        return client.secrets("GET", f"containers/{_id(wanted)}")
    found = [each for each in _containers(client) if wanted and each["name"] == wanted]
    if not found:
        raise NotFound(f"Unable to find certificate with reference, id or name '{wanted}'")
    if len(found) > 1:
        raise NotUnique(f"Multiple certificates are called '{wanted}', use a reference to be more specific.")
    return found[0]


def _id(ref: str) -> str:
    return ref.rstrip("/").rpartition("/")[2]
