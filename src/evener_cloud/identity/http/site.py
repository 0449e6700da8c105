"""Where the services are: the catalog, and what Keystone derives from it. Pure; it has no state but its arguments."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evener_cloud.identity.bootstrap import REGION

INTERFACES = ("public", "internal", "admin")


@dataclass(frozen=True, slots=True)
class Service:
    """An entry of the catalog: `url` is a whole URL, or a path below the base URL."""

    type: str
    name: str
    url: str


@dataclass(frozen=True, slots=True)
class Site:
    """The base URL that clients reach this server by, without a slash at its end, and the services."""

    base_url: str
    services: tuple[Service, ...]

    def url(self, path: str) -> str:
        """Return the URL of a path below the base URL."""
        return path if "://" in path else self.base_url + path

    def links(self, path: str) -> dict[str, str | None]:
        """Return what stands beside a list that is whole, which was asked for at `path`."""
        return {"self": self.url(path), "next": None, "previous": None}


def _id(*names: str) -> str:
    """Return an id that is the same at every start."""
    return uuid.uuid5(uuid.NAMESPACE_URL, "evener:" + "/".join(names)).hex


def services(site: Site) -> list[dict[str, Any]]:
    """Return the services as Keystone shows them."""
    return [
        {
            "id": (service_id := _id(service.type)),
            "type": service.type,
            "name": service.name,
            "description": "",
            "enabled": True,
            "links": {"self": site.url(f"/identity/v3/services/{service_id}")},
        }
        for service in site.services
    ]


def endpoints(site: Site) -> list[dict[str, Any]]:
    """Return an endpoint for each service and interface, as Keystone shows them."""
    return [
        {
            "id": (endpoint_id := _id(service.type, interface)),
            "service_id": _id(service.type),
            "interface": interface,
            "region": REGION,
            "region_id": REGION,
            "url": site.url(service.url),
            "enabled": True,
            "links": {"self": site.url(f"/identity/v3/endpoints/{endpoint_id}")},
        }
        for service in site.services
        for interface in INTERFACES
    ]


def regions(site: Site) -> list[dict[str, Any]]:
    """Return the one region as Keystone shows it."""
    links = {"self": site.url(f"/identity/v3/regions/{REGION}")}
    return [{"id": REGION, "description": "", "parent_region_id": None, "links": links}]


def catalog(site: Site) -> list[dict[str, Any]]:
    """Return the catalog as tokens carry it."""
    shown = ("id", "interface", "region", "region_id", "url")
    return [
        {
            "id": _id(service.type),
            "type": service.type,
            "name": service.name,
            "endpoints": [
                {name: endpoint[name] for name in shown}
                for endpoint in endpoints(site)
                if endpoint["service_id"] == _id(service.type)
            ],
        }
        for service in site.services
    ]


def version(site: Site) -> Mapping[str, Any]:
    """Return the description of Identity API v3."""
    return {
        "id": "v3.14",
        "status": "stable",
        "updated": "2020-04-07T00:00:00Z",
        "links": [{"rel": "self", "href": site.url("/identity/v3/")}],
        "media-types": [
            {"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"},
        ],
    }
