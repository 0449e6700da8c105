"""What went through all load balancers: of the own project, or of all for who sees all."""

from api_cloud import Cloud, User

from evener.resources.facts import Counters, Observation


def report(cloud: Cloud, user: User, connections: int, requests: int | None = None) -> None:
    """Have the agent of a new load balancer say what it has counted."""
    tree = cloud.tree(user)
    counted = Counters(total_connections=connections, bytes_out=7, requests=requests)
    seen = Observation(listeners={tree.listener: counted})
    cloud.report(tree.loadbalancer, observation=seen)


def told(user: User) -> tuple[int, int]:
    stats = user.octavia.ok("GET", "/stats")["stats"]
    return stats["total_connections"], stats["bytes_out"]


def test_each_sees_what_went_through_what_they_see(any_cloud: Cloud) -> None:
    cloud = any_cloud
    assert told(cloud.ann) == (0, 0)
    for user, connections in ((cloud.ann, 10), (cloud.ann, 3), (cloud.bob, 100)):
        report(cloud, user, connections)
    assert told(cloud.ann) == (13, 14)
    assert told(cloud.bob) == (100, 7)
    assert told(cloud.admin) == (113, 21)
    assert told(cloud.user("ann", "reader")) == (13, 14)
    assert cloud.user("ann", "other").octavia.send("GET", "/stats").status_code == 403


def test_requests_are_added_up_where_there_are_any(any_cloud: Cloud) -> None:
    cloud = any_cloud

    def requests() -> int | None:
        found: int | None = cloud.ann.octavia.ok("GET", "/stats")["stats"].get("requests")
        return found

    report(cloud, cloud.ann, 1)
    assert requests() is None
    for number in (2**40, 0, None):
        report(cloud, cloud.ann, 1, number)
    assert requests() == 2**40
