"""What the dashboard takes with a thousand load balancers of ten members: its pages, and one that is merely open.

The API is one without an agent, reached as any cloud's is: over TCP, with a user's token.
"""

import http.client
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

import psutil
import yaml
from playwright.sync_api import sync_playwright

from bench import report, seeding
from bench.api import LBAAS, Api
from bench.report import Result
from bench.served import Served, served
from bench.topology import API_HOST, END_S, START_S, wait_for
from evener.store.database import Database

API_PORT, PORT = 9880, 9881
NUMBER = 1000
MEMBERS = tuple(("10.64.0.9", port) for port in range(8001, 8011))
CIDR, FIRST, LAST = "10.64.0.0/15", "10.64.16.0", "10.65.255.254"
TIMES, IDLE_S = 30, 30.0
QUIET_S = 25.0  # until a page is taken for one on which nothing happens
SEEN_TIMES, LOOKED_EVERY_S = 10, 0.9
SEEN_AT_MOST_MS = 1000
CHROMIUM = "/usr/bin/chromium"
LIST_AT_MOST_MS, PAGE_AT_MOST_MS, REQUESTS_AT_MOST, CORE_AT_MOST = 1000, 500, 2, 1
PROGRAM = str(Path(sys.executable).with_name("evener-dashboard"))


@dataclass(frozen=True)
class Browser:
    """Who is logged in: `cookie` says so."""

    cookie: str

    def get(self, path: str) -> bytes:
        """Return a page."""
        connection = http.client.HTTPConnection(API_HOST, PORT, timeout=60)
        connection.request("GET", f"/dashboard{path}", headers={"Cookie": self.cookie})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {text[:200]!r}")
        return text

    @contextmanager
    def open(self, path: str) -> Iterator[http.client.HTTPResponse]:
        """Follow what changes on a page."""
        connection = http.client.HTTPConnection(API_HOST, PORT, timeout=60)
        connection.request("GET", f"/dashboard{path}/events", headers={"Cookie": self.cookie})
        answer = connection.getresponse()
        try:
            yield answer
        finally:
            connection.close()


def measure() -> Iterator[Result]:
    """Measure all of it."""
    with served(API_PORT, "counting") as server:
        balancer = _fill(server)
        with _dashboard(server) as process:
            browser = Browser(_log_in(server))
            yield from _pages(browser, server, balancer)
            yield from _in_chromium(browser, server, balancer)
            yield from _seen(browser, server, balancer)
            yield from _idle(browser, server, process, balancer)


def _fill(server: Served) -> str:
    api, database = Api(server.port, server.directory), Database(f"sqlite:///{server.database}")
    api.lift_quotas()
    try:
        controller = seeding.agent(database)
        _, subnet = api.network(CIDR, FIRST, LAST)
        made = api.balancer(subnet, MEMBERS)
        seeding.tag(api, made)
        seeding.report(controller, made)
        seeding.copies(api, database, made, NUMBER - 1)
    finally:
        database.close()
    return made.loadbalancer


@contextmanager
def _dashboard(server: Served) -> Iterator[psutil.Process]:
    settings = server.directory / "dashboard.conf"
    settings.write_text(
        f"[DEFAULT]\nstate_path = {server.directory}\n"
        f"[dashboard]\nauth_url = {server.url}/identity/v3\nbind_port = {PORT}\n"
    )
    process = subprocess.Popen([PROGRAM, "--config-file", str(settings)], stdin=subprocess.DEVNULL)
    try:
        wait_for(lambda: _answers() or process.poll() is not None, START_S, "The dashboard does not answer")
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(timeout=END_S)


def _answers() -> bool:
    connection = http.client.HTTPConnection(API_HOST, PORT, timeout=5)
    try:
        connection.request("GET", "/dashboard/login")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _log_in(server: Served) -> str:
    auth = yaml.safe_load((server.directory / "clouds.yaml").read_text())["clouds"]["evener"]["auth"]
    form = {"user": auth["username"], "password": auth["password"], "project": auth["project_name"]}
    connection = http.client.HTTPConnection(API_HOST, PORT, timeout=30)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/dashboard/login", urlencode(form | {"domain": "Default"}), headers)
    answer = connection.getresponse()
    if answer.status != 303:
        raise RuntimeError(f"Logging in: {answer.status}")
    return str(answer.headers["Set-Cookie"]).partition(";")[0]


def _pages(browser: Browser, server: Served, balancer: str) -> Iterator[Result]:
    """Each page again and again, after a change each time, so that the API remembers no answer."""
    api = Api(server.port, server.directory)
    for what, path, aim in (
        (f"the list, of {NUMBER} load balancers", "/balancers", LIST_AT_MOST_MS),
        (f"a load balancer of {len(MEMBERS)} members", f"/balancers/{balancer}", PAGE_AT_MOST_MS),
    ):
        seconds = []
        for turn in range(TIMES + 1):
            changed = {"loadbalancer": {"description": str(turn)}}
            api.call("PUT", f"{LBAAS}/loadbalancers/{balancer}", changed)
            start = time.perf_counter()
            browser.get(path)
            if turn:
                seconds.append(time.perf_counter() - start)
        yield report.aimed(f"dashboard: {what}", median(seconds) * 1000, "ms", report.AT_MOST, aim)


def _in_chromium(browser: Browser, server: Served, balancer: str) -> Iterator[Result]:
    """The same in a real one, from the address to the last row, with what it has kept of the site before."""
    api, (name, _, key) = Api(server.port, server.directory), browser.cookie.partition("=")
    with sync_playwright() as drivers:
        chromium = drivers.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = chromium.new_context()
        context.add_cookies([{"name": name, "value": key, "domain": API_HOST, "path": "/dashboard"}])
        for what, path, last, aim in (
            ("the list", "/balancers", "tbody tr >> nth=24", LIST_AT_MOST_MS),
            ("a load balancer", f"/balancers/{balancer}", ".box >> nth=11", PAGE_AT_MOST_MS),
        ):
            seconds = []
            for turn in range(SEEN_TIMES + 1):
                changed = {"loadbalancer": {"description": f"in Chromium {turn}"}}
                api.call("PUT", f"{LBAAS}/loadbalancers/{balancer}", changed)
                page = context.new_page()
                start = time.perf_counter()
                page.goto(f"http://{API_HOST}:{PORT}/dashboard{path}", wait_until="commit")
                page.locator(last).wait_for()
                page.wait_for_load_state("domcontentloaded")
                if turn:
                    seconds.append(time.perf_counter() - start)
                page.close()
            name = f"dashboard: {what} in Chromium, until it can be used"
            yield report.aimed(name, median(seconds) * 1000, "ms", report.AT_MOST, aim)
        chromium.close()


def _seen(browser: Browser, server: Served, balancer: str) -> Iterator[Result]:
    """How long it takes until an open page is sent what another has changed, at any moment between two looks."""
    api = Api(server.port, server.directory)
    for what, path in (("the list", "/balancers"), ("a load balancer", f"/balancers/{balancer}")):
        seconds = []
        with browser.open(path) as events:
            events.readline()
            for turn in range(SEEN_TIMES):
                time.sleep(LOOKED_EVERY_S * turn / SEEN_TIMES)
                name = f"0 seen {turn}"
                start = time.perf_counter()
                api.call("PUT", f"{LBAAS}/loadbalancers/{balancer}", {"loadbalancer": {"name": name}})
                while name.encode() not in events.readline():
                    pass
                seconds.append(time.perf_counter() - start)
        told = f"dashboard: {what} open, until a change is sent"
        yield report.aimed(told, median(seconds) * 1000, "ms", report.AT_MOST, SEEN_AT_MOST_MS)


def _idle(browser: Browser, server: Served, process: psutil.Process, balancer: str) -> Iterator[Result]:
    """A page that is open while nothing happens: what it asks of the API, and what both take for it."""
    children = (each for each in psutil.Process().children() if each.status() != psutil.STATUS_ZOMBIE)
    api = next(each for each in children if "bench.served" in each.cmdline())
    nothing = _taken(server, (api, process))
    yield report.result("  processor of API and dashboard, no page open", nothing.share, "% of one")
    for what, path in (
        ("the overview", "/overview"),
        ("the list", "/balancers"),
        ("a load balancer", f"/balancers/{balancer}"),
    ):
        with browser.open(path) as events:
            events.readline()  # the first, with all of the page
            time.sleep(QUIET_S)
            taken = _taken(server, (api, process))
        name = f"dashboard: {what} open and idle"
        yield report.aimed(
            f"{name}, requests to the API", taken.asked, "1/s", report.AT_MOST, REQUESTS_AT_MOST
        )
        more = "  processor of API and dashboard for it"
        yield report.aimed(more, taken.share - nothing.share, "% of one", report.AT_MOST, CORE_AT_MOST)


@dataclass(frozen=True)
class Taken:
    """Requests a second, and the share of a processor in percent."""

    asked: float
    share: float


def _taken(server: Served, processes: Sequence[psutil.Process]) -> Taken:
    asked, used_s = _asked(server), sum(map(_processor_s, processes))
    time.sleep(IDLE_S)
    share = (sum(map(_processor_s, processes)) - used_s) / IDLE_S * 100
    return Taken((_asked(server) - asked) / IDLE_S, share)


def _asked(server: Served) -> int:
    with urllib.request.urlopen(f"{server.url}/requests", timeout=10) as answer:
        return int(answer.read())


def _processor_s(process: psutil.Process) -> float:
    used = process.cpu_times()
    return used.user + used.system
