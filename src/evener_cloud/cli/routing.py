"""The commands that join routers to networks and floating IPs to ports, and lists that are not like the others.

Source: python-neutronclient 8.1.0, `neutron/v2_0/router.py`, `floatingip.py`, `port.py`, `network.py` and
`securitygroup.py`.
"""

import argparse
from typing import Any, ClassVar
from urllib.parse import quote

from evener.cli import arguments
from evener.cli.client import Client
from evener.cli.command import Command, Lister, Table, client_of, say
from evener.cli.errors import CliError
from evener.cli.resource import Resource
from evener.cli.values import key_values
from evener.cli.verbs import List
from evener_cloud.cli.catalogue import NETWORK, PORT

FIXED_IP = "subnet_id=SUBNET,ip_address=IP_ADDR"
INTERFACE = "SUBNET, subnet=SUBNET or port=PORT, by name or id."


class _OfRouter(Command):
    """What the commands on one router have in common."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        arguments.add_request_format(parser)
        parser.add_argument("router", metavar="ROUTER", help="Name or id of the router.")


def _set_gateway(client: Client, router: str, gateway: dict[str, Any]) -> None:
    body = {"router": {"external_gateway_info": gateway}}
    client.request("PUT", f"routers/{client.find_id('router', router)}", body)


class SetGateway(_OfRouter):
    """Connect a router to an external network."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "external_network", metavar="EXTERNAL-NETWORK", help="Name or id of the external network."
        )
        parser.add_argument(
            "--enable-snat", action="store_true", help="Let what comes from inside leave under one address."
        )
        parser.add_argument(
            "--disable-snat", action="store_true", help="Let what comes from inside keep its own addresses."
        )
        parser.add_argument(
            "--fixed-ip",
            action="append",
            default=[],
            type=key_values(optional=("subnet_id", "ip_address")),
            metavar=FIXED_IP,
            help="Subnet and/or address that the router is to have outside; may be repeated.",
        )

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        client, router = client_of(self.app), parsed_args.router
        gateway: dict[str, Any] = {"network_id": client.find_id("network", parsed_args.external_network)}
        if parsed_args.enable_snat or parsed_args.disable_snat:
            gateway["enable_snat"] = not parsed_args.disable_snat
        if parsed_args.fixed_ip:
            gateway["external_fixed_ips"] = [_with_subnet(client, wish) for wish in parsed_args.fixed_ip]
        _set_gateway(client, router, gateway)
        say(self.app, f"Set gateway for router {router}")


def _with_subnet(client: Client, wish: dict[str, str]) -> dict[str, str]:
    named = wish.get("subnet_id")
    return {**wish, "subnet_id": client.find_id("subnet", named)} if named else wish


class ClearGateway(_OfRouter):
    """Part a router from its external network."""

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        _set_gateway(client_of(self.app), parsed_args.router, {})
        say(self.app, f"Removed gateway from router {parsed_args.router}")


class _Interface(_OfRouter):
    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("interface", metavar="INTERFACE", help=INTERFACE)


def _change_interface(client: Client, parsed: argparse.Namespace, what: str) -> dict[str, Any]:
    """Send `what` with the subnet or port that is meant; return the answer.

    Raises:
        CliError: when neither is meant, or there is none of that name.
    """
    kind, equals, name = parsed.interface.partition("=")
    if not equals:
        kind, name = "subnet", parsed.interface
    if kind not in ("subnet", "port"):
        raise CliError(f"'{parsed.interface}' is no interface; give {INTERFACE}")
    router_id = client.find_id("router", parsed.router)
    return client.request("PUT", f"routers/{router_id}/{what}", {f"{kind}_id": client.find_id(kind, name)})


class AddInterface(_Interface):
    """Connect a router to a subnet, or by a port."""

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        made = _change_interface(client_of(self.app), parsed_args, "add_router_interface")
        say(self.app, f"Added interface {made['port_id']} to router {parsed_args.router}.")


class DeleteInterface(_Interface):
    """Part a router from a subnet, or from a port."""

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        _change_interface(client_of(self.app), parsed_args, "remove_router_interface")
        say(self.app, f"Removed interface from router {parsed_args.router}.")


class ListRouterPorts(List):
    """List the ports of a router."""

    resource: ClassVar[Resource] = PORT

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("router", metavar="ROUTER", help="Name or id of the router.")

    def take_action(self, parsed_args: argparse.Namespace) -> Table:
        parsed_args.filter_device_id = client_of(self.app).find_id("router", parsed_args.router)
        return super().take_action(parsed_args)


class ListExternalNetworks(List):
    """List the networks that routers may have as their way out."""

    resource: ClassVar[Resource] = NETWORK

    def take_action(self, parsed_args: argparse.Namespace) -> Table:
        vars(parsed_args)["filter_router:external"] = True
        return super().take_action(parsed_args)


class _OfFloatingIP(Command):
    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        arguments.add_request_format(parser)
        parser.add_argument("floatingip_id", metavar="FLOATINGIP_ID", help="Id of the floating IP.")


def _set_floating(client: Client, floating_id: str, body: dict[str, Any]) -> None:
    path = f"floatingips/{quote(client.find_id('floatingip', floating_id), safe='')}"
    client.request("PUT", path, {"floatingip": body})


class AssociateFloatingIP(_OfFloatingIP):
    """Let a floating IP stand for a port's address."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("port_id", metavar="PORT", help="Name or id of the port.")
        parser.add_argument("--fixed-ip-address", help="Address of the port, where it has several.")

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        client = client_of(self.app)
        body = {"port_id": client.find_id("port", parsed_args.port_id)}
        if parsed_args.fixed_ip_address:
            body["fixed_ip_address"] = parsed_args.fixed_ip_address
        _set_floating(client, parsed_args.floatingip_id, body)
        say(self.app, f"Associated floating IP {parsed_args.floatingip_id}")


class DisassociateFloatingIP(_OfFloatingIP):
    """Let a floating IP stand for no address any more."""

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        _set_floating(client_of(self.app), parsed_args.floatingip_id, {"port_id": None})
        say(self.app, f"Disassociated floating IP {parsed_args.floatingip_id}")


COMMANDS: dict[str, type[Command | Lister]] = {
    "floatingip-associate": AssociateFloatingIP,
    "floatingip-disassociate": DisassociateFloatingIP,
    "net-external-list": ListExternalNetworks,
    "router-gateway-clear": ClearGateway,
    "router-gateway-set": SetGateway,
    "router-interface-add": AddInterface,
    "router-interface-delete": DeleteInterface,
    "router-port-list": ListRouterPorts,
}
