"""What every daemon does as it starts: be alone, have room for its files, log. Not what the daemon is for."""

import fcntl
import gc
import os
import resource
import sys
from pathlib import Path
from typing import TextIO

from oslo_config import cfg
from oslo_log import log

GARBAGE_AT = 10_000  # new objects, until they are looked through; 700 where nothing is said
LOG_MEGABYTES, LOG_FILES = 10, 5


def only_one(file: Path, busy: str) -> TextIO:
    """Take the lock on `file`, held while what is returned is open, and leave our process id in it.

    Raises:
        SystemExit: with the message `busy`, when another process holds it; or naming what cannot be written.
    """
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
    """Log to `file`, unless the settings say something else."""
    elsewhere = (conf.log_file, conf.log_dir, conf.use_stderr, conf.use_syslog, conf.use_journal)
    if not any(elsewhere):
        file.parent.mkdir(parents=True, exist_ok=True)
        conf.set_default("log_file", str(file))
        conf.set_default("log_rotation_type", "size")
        conf.set_default("max_logfile_size_mb", LOG_MEGABYTES)
        conf.set_default("max_logfile_count", LOG_FILES)
    log.setup(conf, "evener")
