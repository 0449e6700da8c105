"""The API, control and store as standalone puts them together, with an agent that only notes what it is told.

Who calls is read from the token, `USER:PROJECT:ROLE`: the identity service has tests of its own. Must not touch
the host.
"""

import dataclasses
import functools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from databases import with_tables
from falcon import testing
from falcon.routing import compiled
from sqlalchemy import event, select, update

from evener import config
from evener.api import neutron, octavia
from evener.api.answer_cache import AnswerCache
from evener.api.app import make_app
from evener.api.dialects.octavia import OCTAVIA
from evener.api.networking import V2, add_routes
from evener.api.policy import Policy
from evener.bus.inprocess import InProcessBus
from evener.control.administration import administration
from evener.control.agent_notifier import AgentNotifier
from evener.control.controller import BusController
from evener.control.operations import LoadBalancing
from evener.resources.bounds import DEFAULTS, Bounds
from evener.resources.caller import Caller
from evener.resources.errors import Unauthorized
from evener.resources.facts import Asker, Counters, Failure, Observation, Report
from evener.store.database import Database, now
from evener.store.schema import agents
from evener_cloud.all_tables import metadata
from evener_cloud.compute import http as nova
from evener_cloud.network.builtin import BuiltinNetwork
from evener_cloud.network.http.networking import NETWORKING, behind
from evener_cloud.secrets.builtin import BuiltinSecrets
from evener_cloud.secrets.http import routes as barbican

HOST = "node-1"
PHYSICAL_NETWORKS = ("outside", "wire")
MAX_BODY = 200_000
SECRETS = "http://evener.test:9876"  # where the secret service is, as its references say
# What Falcon writes in Python to find a route is the same for the app of each test: it is compiled once.
compiled.compile = functools.cache(compile)  # type: ignore[attr-defined]
NOBODYS = "00000000-0000-4000-8000-00000000dead"
PATHS = {
    **{kind: f"/{kind}s" for kind in ("network", "subnet", "port")},
    **{kind: f"/lbaas/{kind}s" for kind in ("loadbalancer", "listener", "pool", "healthmonitor")},
}
Json = dict[str, Any]


def path_of(kind: str) -> str:
    """Return the path of a collection."""
    return PATHS.get(kind) or f"/{kind.replace('_', '-')}s"


class Tokens:
    """Implements `evener.services.identity.Identity`."""

    def validate(self, token: str, service_token: str | None = None) -> Caller:
        """Return the caller that the token names."""
        try:
            user, project, role = token.split(":")
        except ValueError:
            raise Unauthorized("The token is malformed") from None
        return Caller(user, project, frozenset({role}))

    def has_project(self, project_id: str) -> bool:
        """Return whether it is none of those that tests call unknown."""
        return not project_id.startswith("unknown")


class RecordingAgent:
    """Implements `evener.bus.base.Agent`: notes what it is told, and has seen what a test says."""

    def __init__(self) -> None:
        self.looked: list[str | None] = []
        self.observations: dict[str, Observation] = {}
        self.configurations: dict[str, Mapping[str, str]] = {}

    def look(self, loadbalancer_id: str | None = None) -> None:
        """Note it."""
        self.looked.append(loadbalancer_id)

    def look_at_networks(self) -> None:
        """Leave them as they are."""

    def observe(self, loadbalancer_id: str) -> Observation | None:
        """Return what the test has put there."""
        return self.observations.get(loadbalancer_id)

    def configured(self, loadbalancer_id: str) -> Mapping[str, str] | None:
        """Return what the test has put there."""
        return self.configurations.get(loadbalancer_id)


@dataclasses.dataclass(frozen=True)
class User:
    """A client with a token. Paths are those below `/networking/v2.0`, or another."""

    client: testing.TestClient
    token: str
    project: str
    below: str = V2

    @property
    def nova(self) -> "User":
        """The same client, with the Compute API's paths."""
        return dataclasses.replace(self, below=nova.PATH)

    @property
    def octavia(self) -> "User":
        """The same client, with Octavia's paths: those below `/load-balancer/v2/lbaas`."""
        return dataclasses.replace(self, below=octavia.LBAAS)

    def send(self, method: str, path: str, body: Any = None, **more: Any) -> testing.Result:
        """Send a request, with a body as JSON, or as it is when it is bytes."""
        headers = {"X-Auth-Token": self.token, **more.pop("headers", {})}
        if isinstance(body, bytes):
            more["body"] = body
        elif body is not None:
            more["json"] = body
        return self.client.simulate_request(method, f"{self.below}{path}", headers=headers, **more)

    def ok(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """Send a request that has to succeed, and return what it answers."""
        answer = self.send(method, path, body, **more)
        expected = {"POST": 201, "DELETE": 204}.get(method, 200)
        assert answer.status_code == expected, answer.text
        return answer.json if answer.content else None

    def create(self, kind: str, **values: Any) -> Json:
        """Create an object and return it; `in_pool` is a member's pool."""
        path = f"/lbaas/pools/{values.pop('in_pool')}/members" if kind == "member" else path_of(kind)
        return dict(self.ok("POST", path, {kind: values})[kind])

    def show(self, kind: str, object_id: str) -> Json:
        """Show an object."""
        return dict(self.ok("GET", f"{path_of(kind)}/{object_id}")[kind])

    def update(self, kind: str, object_id: str, **values: Any) -> Json:
        """Change an object and return it."""
        return dict(self.ok("PUT", f"{path_of(kind)}/{object_id}", {kind: values})[kind])

    def delete(self, kind: str, object_id: str) -> None:
        """Delete an object."""
        self.ok("DELETE", f"{path_of(kind)}/{object_id}")

    def entries(self, path: str, query: str = "") -> list[Json]:
        """List a collection by its path."""
        found: list[Json] = self.ok("GET", path, query_string=query)[
            path.rpartition("/")[2].replace("-", "_")
        ]
        return found

    def ids(self, path: str, query: str = "") -> list[str]:
        """Return the ids in a list."""
        return [entry["id"] for entry in self.entries(path, query)]


@dataclasses.dataclass(frozen=True)
class Tree:
    """The ids of one object of each kind."""

    network: str
    subnet: str
    loadbalancer: str
    listener: str
    pool: str
    member: str
    healthmonitor: str

    def paths(self) -> dict[str, str]:
        """Return the path of each object by its kind."""
        found = {kind: f"{path}/{getattr(self, kind)}" for kind, path in PATHS.items() if kind != "port"}
        return {**found, "member": f"/lbaas/pools/{self.pool}/members/{self.member}"}


@functools.cache
def policies() -> tuple[Policy, Policy]:
    """Return the rules of LBaaS v2 and of Octavia, which no test changes."""
    lbaas = Policy(config.load([], "evener-test"), NETWORKING.kinds, NETWORKING.rules)
    return lbaas, Policy(config.load([], "evener-test"), octavia.KINDS, octavia.RULES, OCTAVIA)


class Cloud:
    """Everything but identity and the agent's host part."""

    def __init__(
        self,
        database: Database,
        secrets: BuiltinSecrets | None = None,
        bounds: Bounds = DEFAULTS,
        *,
        trust_neutron_url: bool = False,
    ) -> None:
        self.database = database
        self.bus = InProcessBus()
        onlooker = AgentNotifier(database, self.bus)
        self.network = BuiltinNetwork(database, onlooker, PHYSICAL_NETWORKS)
        self.balancing = LoadBalancing(database, self.network, self.bus, secrets=secrets, bounds=bounds)
        self.controller = BusController(database, self.network, secrets, self.bus)
        self.bus.serve_controller(self.controller)
        self.agent = RecordingAgent()
        self.bus.serve_agent(HOST, self.agent)
        self.controller.heartbeat(HOST, {})
        app = make_app(
            Tokens(), lambda: None, SECRETS, services=("networking",), trust_neutron_url=trust_neutron_url
        )
        policy, octavia_policy = policies()
        administrative = administration(
            database, self.network, self.bus, secrets=secrets, limited=NETWORKING.kinds
        )
        add_routes(
            app,
            self.balancing,
            administrative,
            policy,
            MAX_BODY,
            AnswerCache(database.version),
            Tokens(),
            NETWORKING,
            behind(self.network, policy, MAX_BODY),
        )
        octavia.add_routes(
            app,
            self.balancing,
            administrative,
            octavia_policy,
            MAX_BODY,
            AnswerCache(database.version),
        )
        neutron.add_routes(app, onlooker.owned_ports_changed, MAX_BODY)
        nova.add_routes(app, database, SECRETS)
        if secrets is not None:
            barbican.add_routes(app, secrets, SECRETS, MAX_BODY)
        self.client = testing.TestClient(app)
        self.ann, self.bob = self.user("ann", "member"), self.user("bob", "member")
        self.reader, self.admin = self.user("ann", "reader"), self.user("cloud", "admin")

    def user(self, project: str, role: str) -> User:
        """Return a client of a project with one role there."""
        return User(self.client, f"{project}-{role}:{project}:{role}", project)

    def subnet(self, user: User | None = None, cidr: str = "10.0.0.0/24", **of_network: Any) -> Json:
        """Create a network with a subnet, and return the subnet."""
        user = user or self.ann
        network = user.create("network", **of_network)
        version = 6 if ":" in cidr else 4
        return user.create("subnet", network_id=network["id"], cidr=cidr, ip_version=version)

    def outside(self, cidr: str = "198.51.100.0/24") -> Json:
        """Create an external network with a subnet, and return the subnet."""
        return self.subnet(self.admin, cidr, **{"router:external": True})

    def balancer(self, user: User | None = None, **values: Any) -> Json:
        """Create a load balancer on a subnet of its own."""
        user = user or self.ann
        return user.create("loadbalancer", vip_subnet_id=self.subnet(user)["id"], **values)

    def pool(self, balancer_id: str, user: User | None = None, **values: Any) -> Json:
        """Create an HTTP pool."""
        given = {"protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "loadbalancer_id": balancer_id, **values}
        return (user or self.ann).create("pool", **given)

    def unlimited(self, project: str) -> None:
        """Let a project have any number of everything."""
        limits = self.admin.ok("GET", f"/quotas/{project}")["quota"]
        self.admin.ok("PUT", f"/quotas/{project}", {"quota": dict.fromkeys(limits, -1)})

    def tree(self, user: User | None = None) -> Tree:
        """Create one object of each kind."""
        user = user or self.ann
        subnet = self.subnet(user)
        balancer = user.create("loadbalancer", vip_subnet_id=subnet["id"], name="web")
        pool = self.pool(balancer["id"], user)
        listener = user.create(
            "listener",
            loadbalancer_id=balancer["id"],
            protocol="HTTP",
            protocol_port=80,
            default_pool_id=pool["id"],
        )
        member = user.create(
            "member", in_pool=pool["id"], subnet_id=subnet["id"], address="10.0.0.9", protocol_port=80
        )
        monitor = user.create(
            "healthmonitor", pool_id=pool["id"], type="TCP", delay=5, timeout=4, max_retries=3
        )
        ids = (balancer["id"], listener["id"], pool["id"], member["id"], monitor["id"])
        return Tree(subnet["network_id"], subnet["id"], *ids)

    def generation(self, balancer_id: str) -> int:
        """Return the generation that the agent would be given."""
        return self.controller.assigned(HOST, self.asker)[balancer_id]

    @property
    def asker(self) -> Asker:
        """The agent on HOST that is heard of."""
        with self.database.read() as tx:
            return Asker(run=tx.scalar(select(agents.c.run).where(agents.c.host == HOST)))

    def report(self, balancer_id: str, **parts: Any) -> None:
        """Report as the agent does."""
        self.controller.report(HOST, Report(loadbalancer_id=balancer_id, **parts), self.asker)

    def applied(self, balancer_id: str) -> int:
        """Report that the newest generation is applied, and return it."""
        generation = self.generation(balancer_id)
        self.report(balancer_id, applied_generation=generation)
        return generation

    def failed(self, balancer_id: str, reason: str, generation: int | None = None) -> None:
        """Report that a generation, or the newest, was refused."""
        which = generation or self.generation(balancer_id)
        self.report(balancer_id, failure=Failure(generation=which, reason=reason))

    def seen(self, balancer_id: str, members: Any = (), **listeners: Counters) -> None:
        """Report an observation; listeners by id, members as pairs of id and status."""
        self.report(balancer_id, observation=Observation(members=dict(members), listeners=listeners))

    def contents(self) -> dict[str, list[Any]]:
        """Return every row of every table, but those that say no more than that nothing is counted."""
        with self.database.read() as tx:
            found = {
                table.name: [tuple(row) for row in tx.execute(select(table).order_by(*table.primary_key))]
                for table in metadata.sorted_tables
            }
        return {**found, "quotas": [row for row in found["quotas"] if row[2:] != (None, 0)]}

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Expect that nothing changes, and no agent is told anything."""
        before, told = self.contents(), len(self.agent.looked)
        yield
        assert self.contents() == before
        assert len(self.agent.looked) == told

    def refuses(
        self,
        user: User,
        method: str,
        path: str,
        body: Any = None,
        *,
        status: int,
        kind: str,
        says: str = "",
        **more: Any,
    ) -> str:
        """Expect a refusal in Neutron's form that changes nothing, and return its message."""
        with self.unchanged():
            answer = user.send(method, path, body, **more)
        return check_refusal(answer, status, kind, says)


def check_refusal(answer: testing.Result, status: int, kind: str, says: str = "") -> str:
    """Check an error's status and Neutron's form of it, and return its message."""
    assert answer.status_code == status, answer.text
    error: Mapping[str, str] = answer.json["NeutronError"]
    assert error.keys() == {"type", "message", "detail"}
    assert error["type"] == kind, error
    assert says in error["message"], error
    return error["message"]


@contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    """Collect the SQL statements that are sent meanwhile."""
    sent: list[str] = []

    def remember(*arguments: Any) -> None:
        sent.append(arguments[2])

    event.listen(database.engine, "before_cursor_execute", remember)
    yield sent
    event.remove(database.engine, "before_cursor_execute", remember)


@contextmanager
def on_sqlite(directory: Path) -> Iterator[Cloud]:
    """Open a cloud on SQLite, for fixtures of any scope: its agent is well for an hour without being heard."""
    database = with_tables(f"sqlite:///{directory / 'evener.sqlite'}")
    opened = Cloud(database)
    with database.write() as tx:
        tx.execute(update(agents).values(heartbeat_at=now() + timedelta(hours=1)))
    yield opened
    database.close()


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    """Return a cloud on SQLite."""
    database = with_tables(f"sqlite:///{tmp_path / 'evener.sqlite'}")
    yield Cloud(database)
    database.close()


@pytest.fixture
def any_cloud(database: Database) -> Cloud:
    """Return a cloud on each kind of database in turn."""
    return Cloud(database)
