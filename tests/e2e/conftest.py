"""Fixtures of the end-to-end tests: each module has an evener-standalone with a state of its own."""

import itertools
from collections.abc import Iterator

import pytest
from browsers import administrator, chromium, log_in, opened
from playwright.sync_api import Browser, Page
from rabbitmq import RabbitMQ, with_a_node
from standalone import PROGRAM, Balancer, Cloud, Standalone, traces

_numbers = itertools.count()


@pytest.fixture(scope="module")
def program() -> tuple[str, ...]:
    """Return the command that starts the server; a module may need another."""
    return PROGRAM


@pytest.fixture(scope="module")
def settings() -> str:
    """Return lines for the server's settings; a module may need some."""
    return ""


@pytest.fixture(scope="module")
def standalone(tmp_path_factory, program, settings) -> Iterator[Standalone]:
    """Start a server; at the end, see that nothing of it is left on the machine once it was purged."""
    server = Standalone(
        tmp_path_factory.mktemp("standalone") / "e2e", 19876 + next(_numbers), program, settings
    )
    server.start()
    yield server
    server.purge()
    assert traces() == []
    assert not server.state.exists()


@pytest.fixture(scope="module")
def cloud(standalone: Standalone) -> Iterator[Cloud]:
    made = Cloud(standalone, "192.168.200.0/24")
    yield made
    made.remove()


@pytest.fixture
def balancer(cloud: Cloud) -> Iterator[Balancer]:
    """Make a load balancer; at the end, delete it with all that has been added below it."""
    made = cloud.balancer("edited")
    yield made
    whole = f"/load-balancer/v2/lbaas/loadbalancers/{made.lb['id']}?cascade=true"
    assert cloud.api.request("DELETE", whole).ok
    cloud.api.wait_gone(made.lb)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def page(browser: Browser, standalone: Standalone) -> Iterator[Page]:
    """Open the dashboard as the administrator; at the end, see that nothing on the page went wrong."""
    made, wrong = opened(browser)
    log_in(made, standalone, *administrator(standalone))
    yield made
    made.context.close()
    assert wrong == []


@pytest.fixture(scope="module")
def rabbitmq() -> Iterator[RabbitMQ]:
    with with_a_node() as server:
        yield server


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Show what the server logged with a test that failed."""
    report = yield
    server = getattr(item, "funcargs", {}).get("standalone")
    if report.failed and server is not None and server.state.exists():
        report.sections.append(("evener.log", "\n".join(server.warnings()[-20:])))
    return report
