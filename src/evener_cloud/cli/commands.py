"""All commands of the small cloud, and of any other with the same API, as the client finds them."""

from evener.cli.command import CommandSet
from evener_cloud.cli import certificates, routing, security_groups
from evener_cloud.cli.catalogue import KINDS

COMMANDS = CommandSet(
    KINDS,
    {
        "security-group-rule-list": security_groups.ListRules,
        **certificates.COMMANDS,
        **routing.COMMANDS,
    },
)
