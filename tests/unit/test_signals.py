"""A daemon's signals: two at once, as `timeout` sends them, end it; a hangup has it read its settings again."""

import signal
import subprocess
import sys
import time

PROGRAM = """
import sys, threading, time
from evener import daemon
ended = threading.Event()
daemon.on_signals(ended.set, lambda: print("again", flush=True))
print("ready", flush=True)
while not ended.is_set():
    with ended._cond:  # what a handler in this thread would wait for, and for ever
        time.sleep(0.01)
time.sleep(1)  # as a daemon takes a while to end; the interpreter itself hears no signal at its very end
"""
ENDED_S = 60


def test_signals_are_heard_whatever_the_main_thread_holds() -> None:
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            process.send_signal(signal.SIGHUP)
            assert process.stdout.readline() == "again\n"
            for _ in range(2):
                process.send_signal(signal.SIGTERM)
                time.sleep(0.02)
            assert process.wait(timeout=ENDED_S) == 0
        finally:
            process.kill()
