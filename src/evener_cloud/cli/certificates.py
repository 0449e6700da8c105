"""The commands for certificates: files become secrets in a container, whose reference a listener takes. Ours.

Prints no part of a key.
"""

import argparse
from typing import Any

from evener.cli.certificates import add_files, delete, id_of, parts_of, store
from evener.cli.client import UUID, Client
from evener.cli.command import AnyCommand, Command, Lister, ShowOne, Table, client_of, say
from evener.cli.errors import CliError, NotFound, NotUnique, Refused, together

PAGE = 100


class CreateCertificate(ShowOne):
    """Store a certificate with its key for TERMINATED_HTTPS listeners, and show the reference they take.

    Files may be PEM or DER; a bundle (PKCS12, or PEM with certificate, key and intermediates) needs no --key.
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--name", help="Name of the certificate.")
        add_files(parser, required=True)

    def take_action(self, parsed_args: argparse.Namespace) -> Table:
        shown = store(client_of(self.app), parsed_args.name, parts_of(parsed_args))
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
                delete(client, container)
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
    if UUID.fullmatch(id_of(wanted)):
        return client.secrets("GET", f"containers/{id_of(wanted)}")
    found = [each for each in _containers(client) if wanted and each["name"] == wanted]
    if not found:
        raise NotFound(f"Unable to find certificate with reference, id or name '{wanted}'")
    if len(found) > 1:
        raise NotUnique(f"Multiple certificates are called '{wanted}', use a reference to be more specific.")
    return found[0]
