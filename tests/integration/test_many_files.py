"""A server with thousands of open files, as one that serves hundreds of load balancers has, answers."""

import os
import resource
import subprocess
import sys

import pytest

pytestmark = pytest.mark.root
SCRIPT = """
import os, threading, urllib.request
from evener_cloud import config as cloud
from evener import config, daemon
from evener.serving.server import Server
daemon.open_many_files()
held = [os.open("/dev/null", os.O_RDONLY) for _ in range(1500)]
conf = cloud.load(["--config-file", "/dev/null"], "evener-test")
conf.set_override("bind_port", 18999, "api")
def app(environ, start_response):
    start_response("200 OK", [("Content-Length", "4")])
    return [b"well"]
conf.set_override("front", False, "api")
server = Server(conf)
ready = threading.Event()
threading.Thread(target=server.serve, args=(app, ready.set), daemon=True).start()
assert ready.wait(60)
print(urllib.request.urlopen("http://127.0.0.1:18999/", timeout=60).read().decode(), flush=True)
os._exit(0)
"""


def test_it_answers_beyond_the_files_that_select_knows() -> None:
    def few() -> None:
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, most))

    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        preexec_fn=few,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        env=os.environ,
    )
    assert done.stdout == "well\n", done.stderr
