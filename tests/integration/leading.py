"""One of several processes of which one leads: `leading.py URL` says on each line when it begins to lead, or ends to.

A moment is of the clock that all processes of a machine share, CLOCK_MONOTONIC, in seconds.
"""

import sys
import time
from threading import Event

from evener.control.leader import Lease
from evener.store.database import Database


def main() -> None:
    lease = Lease(Database(sys.argv[1]))
    lease.keep(Event()).start()
    led = False
    while True:
        leads = lease.leads()
        if leads != led:
            sys.stdout.write(f"{'leads' if leads else 'ends'} {time.monotonic()}\n")
            sys.stdout.flush()
        led = leads
        time.sleep(0.01)


if __name__ == "__main__":
    main()
