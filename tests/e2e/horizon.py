"""Debian's Horizon with the panel of load balancers, unmodified, set up as docs/horizon.md says, for end-to-end tests.

Its settings are copies, in a mount namespace of its own: the machine's own Horizon, if it is one, stays as it is.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from waiting import eventually_there

DOCUMENT = Path(__file__).parents[2] / "docs" / "horizon.md"
SETTINGS = Path("/etc/openstack-dashboard")
ENABLED = Path("/usr/lib/python3/dist-packages/openstack_dashboard/local/enabled")
SECRET = Path("/var/lib/openstack-dashboard/secret-key")
MANAGE = Path("/usr/share/openstack-dashboard/manage.py")
PANEL = ENABLED / "_1482_project_load_balancer_panel.py"
# For the test alone: it is asked by another name, and looks more often whether a load balancer has changed.
FOR_TESTS = 'ALLOWED_HOSTS = ["*"]\nHORIZON_CONFIG["ajax_poll_interval"] = 500\n'


def documented(language: str) -> str:
    """Return what stands in the blocks of that language in the document."""
    return "".join(re.findall(rf"```{language}\n(.*?)```", DOCUMENT.read_text(), re.DOTALL))


@contextmanager
def horizon(directory: Path, evener_url: str, port: int) -> Iterator[str]:
    """Run Horizon until the end of the block, and give its URL; `directory` is for its settings and what it prints."""
    if not (MANAGE.exists() and PANEL.exists()):
        pytest.skip(
            "there is no Horizon with a panel of load balancers: openstack-dashboard, python3-octavia-dashboard"
        )
    settings, enabled, secret = directory / "settings", directory / "enabled", directory / "secret"
    shutil.copytree(SETTINGS, settings)
    shutil.copytree(ENABLED, enabled)
    secret.mkdir()
    ours = documented("python").replace("http://127.0.0.1:9876", evener_url)
    (settings / "local_settings.d" / "_2000_evener.py").write_text(ours)
    (settings / "local_settings.d" / "_9900_test.py").write_text(FOR_TESTS)
    leave_out = documented("sh").partition(f"cd {ENABLED}\n")[2]
    subprocess.run(["sh", "-e", "-c", leave_out], cwd=enabled, check=True)
    mounts = " && ".join(
        f"mount --bind {ours} {theirs}"
        for ours, theirs in ((settings, SETTINGS), (enabled, ENABLED), (secret, SECRET))
    )
    run = f"{mounts} && exec python3 {MANAGE} runserver --noreload --insecure 127.0.0.1:{port}"
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "LC_ALL": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    printed = directory / "output"
    with printed.open("wb") as output:
        process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", run],
            cwd="/",
            env=environment,
            stdout=output,
            stderr=output,
        )
    try:
        url = f"http://127.0.0.1:{port}"

        def answers() -> bool:
            assert process.poll() is None, printed.read_text()[-2000:]
            return requests.get(f"{url}/auth/login/", timeout=30).ok

        eventually_there(answers)
        yield url
    finally:
        process.terminate()
        process.wait(60)
        sys.stdout.write(printed.read_text()[-10_000:])  # which pytest shows of a test that failed
