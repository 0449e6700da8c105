"""Tags in Neutron's form: given, shown, taken away, and what is found by them."""

from typing import Any

import pytest
from api_cloud import NOBODYS, Cloud
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evener_cloud.network.http.networking import TAGGED

WORDS = ("red", "Red", "blue", "a b", "größe", "100%", "x_y", "[", "'", "=1", "\U0001f600")


def one_of_each(cloud: Cloud) -> dict[str, str]:
    """Return the path of one object of each kind that has tags."""
    subnet, outside = cloud.subnet(), cloud.outside()
    ids = {
        "networks": subnet["network_id"],
        "subnets": subnet["id"],
        "ports": cloud.ann.create("port", network_id=subnet["network_id"])["id"],
        "routers": cloud.ann.create("router")["id"],
        "floatingips": cloud.ann.create("floatingip", floating_network_id=outside["network_id"])["id"],
        "security-groups": cloud.ann.create("security_group", name="group")["id"],
    }
    return {f"/{collection}/{object_id}": collection for collection, object_id in ids.items()}


def test_tags_are_given_shown_and_taken_away(cloud: Cloud) -> None:
    paths = one_of_each(cloud)
    assert set(paths.values()) == {served.cls.path() for served in TAGGED}
    for path in paths:

        def shown(path: str = path) -> Any:
            (entry,) = cloud.ann.ok("GET", path).values()
            assert cloud.ann.ok("GET", f"{path}/tags") == {"tags": entry["tags"]}
            return entry["tags"]

        assert shown() == []
        assert cloud.ann.ok("PUT", f"{path}/tags", {"tags": ["red", "blue"]}) == {"tags": ["red", "blue"]}
        for _ in range(2):
            assert cloud.ann.send("PUT", f"{path}/tags/gr%C3%BCn").status_code == 201
        assert shown() == ["red", "blue", "grün"]
        assert cloud.ann.send("GET", f"{path}/tags/red").status_code == 204
        cloud.ann.ok("DELETE", f"{path}/tags/red")
        for method in ("GET", "DELETE"):
            cloud.refuses(cloud.ann, method, f"{path}/tags/red", status=404, kind="TagNotFound")
        assert shown() == ["blue", "grün"]
        cloud.ann.ok("DELETE", f"{path}/tags")
        assert shown() == []


def test_only_who_may_change_an_object_changes_its_tags(cloud: Cloud) -> None:
    shared = cloud.admin.create("network", shared=True)["id"]
    for user, path, status in (
        (cloud.bob, f"/networks/{cloud.ann.create('network')['id']}", 404),
        (cloud.bob, f"/networks/{shared}", 403),
        (cloud.reader, f"/networks/{cloud.ann.create('network')['id']}", 403),
        (cloud.ann, f"/networks/{NOBODYS}", 404),
    ):
        for method, below, body in (("PUT", "", {"tags": ["x"]}), ("PUT", "/x", None), ("DELETE", "", None)):
            with cloud.unchanged():
                assert user.send(method, f"{path}/tags{below}", body).status_code == status
    assert cloud.bob.ok("GET", f"/networks/{shared}/tags") == {"tags": []}


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"tags": None},
        {"tags": "red"},
        {"tags": ["a", "a"]},
        {"tags": [""]},
        {"tags": [1]},
        {"tags": ["x" * 256]},
        {"tags": [f"n{number}" for number in range(51)]},
        {"tags": [], "more": 1},
        *({"tags": [f"a{mark}b"]} for mark in ',/"\\\n\x00'),
    ],
)
def test_what_is_no_list_of_tags_is_refused(cloud: Cloud, body: Any) -> None:
    path = f"/networks/{cloud.ann.create('network')['id']}/tags"
    cloud.refuses(cloud.ann, "PUT", path, body, status=400, kind="HTTPBadRequest", says="tags")


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.lists(st.sampled_from(WORDS), unique=True, max_size=4), min_size=1, max_size=4),
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=3),
)
def test_lists_have_exactly_those_with_the_tags(
    cloud: Cloud, having: list[list[str]], asked: list[str]
) -> None:
    cloud.unlimited("ann")
    tags = {}
    for each in having:
        network = cloud.ann.create("network")["id"]
        cloud.ann.ok("PUT", f"/networks/{network}/tags", {"tags": each})
        tags[network] = set(each)
    wanted = set(asked)
    expected = {
        "tags": {key for key, has in tags.items() if wanted <= has},
        "tags-any": {key for key, has in tags.items() if wanted & has},
        "not-tags": {key for key, has in tags.items() if not wanted <= has},
        "not-tags-any": {key for key, has in tags.items() if not wanted & has},
    }
    for name, found in expected.items():
        query = {name: ",".join(asked)}
        answer = cloud.ann.send("GET", "/networks", params=query, params_csv=False)
        assert {each["id"] for each in answer.json["networks"]} & tags.keys() == found, name
