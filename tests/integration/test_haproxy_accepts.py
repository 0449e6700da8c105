"""HAProxy itself takes whatever the renderer writes."""

import random
import subprocess

import pytest

import haproxy_graphs as g
from evener.dataplane.haproxy.paths import Paths
from evener.dataplane.haproxy.render import render

pytestmark = [pytest.mark.root, pytest.mark.each_haproxy]

GRAPHS = 300
AT_ONCE = 25


def test_haproxy_accepts_every_rendered_graph_without_a_complaint(tmp_path, haproxy):
    (tmp_path / "servers.state").write_text("1\n")
    rendered = [render(g.random_graph(random.Random(seed)), tmp_path, haproxy) for seed in range(GRAPHS)]
    for backend in (each for config in rendered for each in config.backends if each.table):
        Paths(tmp_path).clients(backend.name, backend.table).touch()
    texts = [config.text for config in rendered if config.frontends]
    texts.sort(key=lambda text: "\npeers " not in text)  # a file has that section once, before all others
    assert len(texts) > GRAPHS / 4
    for start in range(0, len(texts), AT_ONCE):
        # One file for many graphs: what stands before the first frontend is the same in all.
        first, *others = texts[start : start + AT_ONCE]
        file = tmp_path / "all.conf"
        file.write_text("\n".join([first, *(text[text.index("\nfrontend ") :] for text in others)]))
        run = subprocess.run(
            [haproxy.binary, "-c", "-f", str(file)],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
        )
        assert run.returncode == 0, run.stderr
        assert "WARNING" not in run.stderr, run.stderr
