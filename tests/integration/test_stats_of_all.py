"""What went through all load balancers: of the own project, or of all for who sees all."""

from api_cloud import Cloud, User

from evener.resources.facts import Counters, Observation


def report(cloud: Cloud, user: User, connections: int) -> None:
    """Have the agent of a new load balancer say what it has counted."""
    tree = cloud.tree(user)
    seen = Observation(listeners={tree.listener: Counters(total_connections=connections, bytes_out=7)})
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
