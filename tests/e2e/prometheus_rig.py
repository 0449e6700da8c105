"""A real Prometheus, Debian's, that scrapes one server and evaluates rules; it ends with the block."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from waiting import eventually_there

CONFIG = """\
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [{rules}]
scrape_configs:
  - job_name: evener
    static_configs: [{{targets: ["{target}"]}}]
"""


class Prometheus:
    """Asks it, at `url`."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, path: str, **query: str) -> Any:
        """Return the data of an answer of its API (https://prometheus.io/docs/prometheus/2.42/querying/api/)."""
        answer = requests.get(f"{self.url}/api/v1/{path}", query, timeout=60)
        assert answer.json()["status"] == "success", f"{query}: {answer.text}"
        return answer.json()["data"]

    def series(self, expression: str) -> list[dict[str, Any]]:
        """Return what an expression gives now."""
        found: list[dict[str, Any]] = self.ask("query", query=expression)["result"]
        return found

    def rules(self) -> list[dict[str, Any]]:
        """Return all rules with how their last evaluation went."""
        return [rule for group in self.ask("rules")["groups"] for rule in group["rules"]]


@contextmanager
def prometheus(directory: Path, target: str, rules: Path, port: int) -> Iterator[Prometheus]:
    """Start one that scrapes `target` (HOST:PORT) each second, until the block ends."""
    directory.mkdir()
    (directory / "prometheus.yml").write_text(CONFIG.format(rules=json.dumps(str(rules)), target=target))
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={directory / 'prometheus.yml'}",
                f"--storage.tsdb.path={directory / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        server = Prometheus(f"http://127.0.0.1:{port}")

        def last_words() -> str:
            return (directory / "log").read_text()[-2000:]

        def ready() -> bool:
            assert process.poll() is None, last_words()
            return requests.get(f"{server.url}/-/ready", timeout=5).ok

        eventually_there(ready)
        yield server
    finally:
        process.terminate()
        process.wait(60)
