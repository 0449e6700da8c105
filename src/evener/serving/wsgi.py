"""The API for a WSGI server of the operator's, such as uWSGI: `evener.serving.wsgi:application`.

Reads the settings that `evener-api` reads; each process makes its own application at its first request, after a fork.
"""

import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any

from evener import config, daemon
from evener.serving import programs, settings

_guard = threading.Lock()
_made: list[Any] = []


def application(environment: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    """Answer one request."""
    with _guard:
        if not _made:
            conf = settings.load(sys.argv[1:], programs.API)
            conf.set_default("use_stderr", default=True)  # the server's own log
            daemon.log_to_file(conf, config.state_path(conf) / "unused.log")
            _made.append(programs.application(conf)[0])
    answer: Iterable[bytes] = _made[0](environment, start)
    return answer
