"""What every daemon does: be alone, have room for its files, log, hear signals. Not what the daemon is for."""

import fcntl
import gc
import logging
import os
import resource
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TextIO

from oslo_config import cfg
from oslo_log import log
from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server

from evener import config_check, logs, service_manager
from evener.threads import lasting

LOG = logging.getLogger(__name__)
OTHERS_NOTHING = 0o027  # what a program writes is not for everybody: addresses, names, who asked for what
GARBAGE_AT = 10_000  # new objects, until they are looked through; 700 where nothing is said
LOG_MEGABYTES, LOG_FILES = 10, 5


def only_one(file: Path, busy: str) -> TextIO:
    """Take the lock on `file`, held while what is returned is open, and leave our process id in it.

    Whatever this process writes from now on, others may not read.

    Raises:
        SystemExit: with the message `busy`, when another process holds it; or naming what cannot be written.
    """
    os.umask(OTHERS_NOTHING)  # of all that is written from now on
    try:
        file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        lock = file.open("a+", encoding="ascii")
    except OSError as error:
        sys.exit(f"{error.filename}: {error.strerror}; see state_path, and who runs this")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        sys.exit(busy)
    lock.seek(0)
    lock.truncate()
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock


def open_many_files() -> None:
    """Take as many open files as the machine lets a process have: each load balancer needs about five.

    Many start a process with 1,024, for programs that use select(2); none of ours does.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def pass_over_what_is_loaded() -> None:
    """Let the garbage collector leave alone what has been imported and set up, since all of it stays.

    It would look through that again and again: a fifth of the time of an agent that starts.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_AT)


def log_to_file(conf: cfg.ConfigOpts, file: Path) -> None:
    """Log to `file`, unless the settings say something else.

    A unit of systemd may have another directory for it.
    """
    elsewhere = (conf.log_file, conf.log_dir, conf.use_stderr, conf.use_syslog, conf.use_journal)
    if not any(elsewhere):
        file = Path(service_manager.directory("LOGS_DIRECTORY", str(file.parent))) / file.name
        file.parent.mkdir(parents=True, exist_ok=True)
        conf.set_default("log_file", str(file))
        conf.set_default("log_rotation_type", "size")
        conf.set_default("max_logfile_size_mb", LOG_MEGABYTES)
        conf.set_default("max_logfile_count", LOG_FILES)
    log.setup(conf, "evener")
    if conf.log_file and (found := Path(conf.log_dir or "") / conf.log_file).is_file():
        found.chmod(found.stat().st_mode & ~OTHERS_NOTHING)  # of a start before it was so
    logs.tame(logging.getLogger())
    for setting in config_check.unknown(conf):
        LOG.warning("There is no setting %s: it is ignored", setting)


def show_metrics(conf: cfg.ConfigOpts, registry: CollectorRegistry) -> None:
    """Serve `/metrics`, where that is wanted: what `registry` has, and what the process takes.

    A daemon does its work without it as well.
    """
    if not conf.metrics_port:
        return
    ProcessCollector(registry=registry)
    try:
        start_http_server(conf.metrics_port, conf.metrics_host, registry)
    except OSError as error:
        LOG.warning(
            "No metrics are shown: port %d of %s: %s; see metrics_port and metrics_host",
            conf.metrics_port,
            conf.metrics_host,
            error,
        )


def on_signals(end: Callable[[], None], reload: Callable[[], None]) -> None:
    """Call `end` at SIGTERM and SIGINT, and `reload` at SIGHUP, in a thread of their own; a service manager hears it.

    A handler would run inside of whatever the main thread does, and wait for ever for a lock that is held there. To
    be called in the main thread.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)

    def say_and_end() -> None:
        service_manager.stopping()
        end()

    def say_and_reload() -> None:
        with service_manager.reloading():
            reload()

    actions: dict[int, Callable[[], None]] = {
        signal.SIGTERM: say_and_end,
        signal.SIGINT: say_and_end,
        signal.SIGHUP: say_and_reload,
    }
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in actions:
        signal.signal(number, _is_noted)
    lasting("signals", lambda: _hear(reading, actions)).start()


def serving(what: str) -> None:
    """Say in the log, and to a service manager, that this program does `what` from now on."""
    LOG.info(what)
    service_manager.ready(what)


def _is_noted(_number: int, _frame: object) -> None:
    """Do nothing: the number is in the pipe."""


def _hear(reading: int, actions: Mapping[int, Callable[[], None]]) -> None:
    while True:
        for number in os.read(reading, 1):
            actions.get(number, _nothing)()


def _nothing() -> None:
    """Do nothing about a signal of somebody else's."""


def hangups_are_harmless() -> None:
    """Let SIGHUP, which would end a process, do nothing until somebody hears it."""
    signal.signal(signal.SIGHUP, _is_noted)


def reload(conf: cfg.ConfigOpts) -> None:
    """Read settings again, of which those change that can while all runs, and open log files anew."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.FileHandler):
            _reopen(handler)
    LOG.info("Settings are read again")
    conf.mutate_config_files()


def _reopen(handler: logging.FileHandler) -> None:
    handler.acquire()
    try:
        if handler.stream is not None:
            handler.stream.close()
        handler.stream = handler._open()  # noqa: SLF001 - what its own emit() does
    finally:
        handler.release()
