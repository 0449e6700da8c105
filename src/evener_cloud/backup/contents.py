"""What a backup has in it, under the names that the files have in a state directory, and where they are on a host.

All else there is made anew: what HAProxy reads, sockets, logs.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from oslo_config import cfg
from sqlalchemy.engine import make_url

from evener import config
from evener_cloud import config as cloud

DATABASE = "evener.sqlite"
SECRETS_KEY = "secrets.key"
BESIDE = (SECRETS_KEY, "token.key", "clouds.yaml", "openrc")
_ID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_JOURNAL = re.compile(rf"lbaas/(agent\.json|(networks|routers)/{_ID}(\.json)?|v2/{_ID}/port)")


def database_file(conf: cfg.ConfigOpts) -> Path | None:
    """Return the file that SQLite keeps the database in; None where it is on a server."""
    url = make_url(config.database_url(conf))
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else None


def is_known(name: str) -> bool:
    """Return whether a backup may have a file of that name in it."""
    return name in (DATABASE, *BESIDE) or is_journal(name)


def is_journal(name: str) -> bool:
    """Return whether a file says what an agent has made on its host."""
    return _JOURNAL.fullmatch(name) is not None


def place(conf: cfg.ConfigOpts, name: str) -> Path:
    """Return where a file is that is in a backup by that name; not the database's on a server."""
    if name == DATABASE:
        return database_file(conf) or Path()
    if name == SECRETS_KEY:
        return cloud.secrets_key_file(conf)
    if is_journal(name):
        return _journal(conf) / name.removeprefix("lbaas/")
    return config.state_path(conf) / name


def journal(conf: cfg.ConfigOpts) -> Iterator[tuple[str, Path]]:
    """Yield what there is of the agent's journal, by the names it has in a backup."""
    home = _journal(conf)
    for pattern in ("agent.json", "networks/*", "routers/*", "v2/*/port"):
        for path in sorted(home.glob(pattern)):
            name = f"lbaas/{path.relative_to(home)}"
            if is_journal(name):
                yield name, path


def _journal(conf: cfg.ConfigOpts) -> Path:
    return config.agent_lock(conf).parent
