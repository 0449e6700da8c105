"""All resources that the client knows, and where those are that it only refers to. Data only."""

from evener.cli import l7, lbaas, networking, routing, services
from evener.cli.describe import Resource


def _reference(kind: str, plural: str, path: str) -> Resource:
    return Resource(kind=kind, plural=plural, command="", path=path, title=kind, columns=())


RESOURCES = (*lbaas.RESOURCES, *l7.RESOURCES, *networking.RESOURCES, *routing.RESOURCES, *services.RESOURCES)
# Neutron resources that others refer to by name or id and that have no commands here.
REFERENCES = (
    _reference("policy", "policies", "qos/policies"),
    _reference("segment", "segments", "segments"),
    _reference("subnetpool", "subnetpools", "subnetpools"),
)
BY_KIND = {resource.kind: resource for resource in (*RESOURCES, *REFERENCES)}
