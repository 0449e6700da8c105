"""Lists of what operators make by Octavia's API: filtered, sorted and paged as lists of load balancers are."""

import dataclasses
from typing import Any

import pytest
from api_cloud import Cloud, User

from evener.api.dialects.octavia_paths import V2


def pages(user: User, path: str, plural: str, links: str, query: str) -> list[dict[str, Any]]:
    """Follow the links from the first page on; each page has one object."""
    found: list[dict[str, Any]] = []
    while True:
        answer = user.ok("GET", path, query_string=query)
        assert len(answer[plural]) <= 1
        found += answer[plural]
        ahead = [each["href"] for each in answer[links] if each["rel"] == "next"]
        if not ahead:
            return found
        query = ahead[0].partition("?")[2]


FLAVOR = ("flavorprofile", "flavor_data", "/flavorprofiles", "flavor_profile_id")
ZONE = (
    *("availability_zone_profile", "availability_zone_data", "/availabilityzoneprofiles"),
    "availability_zone_profile_id",
)


@pytest.mark.parametrize(
    ("kind", "path", "links", "profiles"),
    [
        ("flavor", "/flavors", "flavors_links", FLAVOR),
        ("flavorprofile", "/flavorprofiles", "flavorprofile_links", FLAVOR),
        ("availability_zone", "/availabilityzones", "availability_zones_links", ZONE),
        (
            *("availability_zone_profile", "/availabilityzoneprofiles"),
            *("availability_zone_profile_links", ZONE),
        ),
    ],
)
def test_operators_kinds_are_listed_as_all_others(
    cloud: Cloud, kind: str, path: str, links: str, profiles: tuple[str, str, str, str]
) -> None:
    admin, plural = cloud.admin.octavia, f"{kind}s"
    above, data, where, named = profiles
    for name in ("b", "a", "c"):
        profile = {"name": name, "provider_name": "amphora", data: "{}"}
        made = admin.ok("POST", where, {above: profile})[above]
        if kind != above:
            admin.ok("POST", path, {kind: {"name": name, named: made["id"]}})
    found = pages(admin, path, plural, links, "limit=1&sort=name:desc")
    assert [each["name"] for each in found] == ["c", "b", "a"]
    found = pages(admin, path, plural, links, "limit=1&sort_key=name")
    assert [each["name"] for each in found] == ["a", "b", "c"]
    for key in {key for each in admin.ok("GET", path)[plural] for key in each}:
        for way, down in (("asc", False), ("desc", True)):
            values = [each[key] for each in pages(admin, path, plural, links, f"limit=1&sort={key}:{way}")]
            assert values == sorted(values, reverse=down), (key, way)
            assert len(values) == 3
    found = admin.ok("GET", path, query_string="name=b")[plural]
    assert [each["name"] for each in found] == ["b"]
    found = admin.ok("GET", path, query_string="fields=name&sort=name")[plural]
    assert found == [{"name": "a"}, {"name": "b"}, {"name": "c"}]
    assert admin.ok("GET", path, query_string="name=nope") == {plural: [], links: []}
    for query in ("bogus=1", "sort=bogus", "marker=nowhere"):
        assert admin.send("GET", path, query_string=query).status_code == 400, query


def test_amphorae_are_listed_as_all_others(cloud: Cloud) -> None:
    made = [cloud.balancer()["id"] for _ in range(3)]
    admin = dataclasses.replace(cloud.admin.octavia, below=f"{V2}/octavia")
    for query, wanted in (("", made), ("&sort=created_at:desc", made[::-1])):
        found = pages(admin, "/amphorae", "amphorae", "amphorae_links", f"limit=1{query}")
        assert [each["loadbalancer_id"] for each in found] == wanted
    for key in admin.ok("GET", "/amphorae")["amphorae"][0]:
        for way, down in (("asc", False), ("desc", True)):
            query = f"limit=1&sort={key}:{way}"
            values = [each[key] for each in pages(admin, "/amphorae", "amphorae", "amphorae_links", query)]
            assert len(values) == 3
            assert values == sorted(values, key=lambda value: (value is not None, value or 0), reverse=down)
