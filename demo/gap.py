"""Says for how long nobody answered: `gap.py ADDRESS SECONDS` opens a connection to port 80 each 5 ms for so long.

Prints the longest time between two answers, in milliseconds, and how many came. Must not know Evener.
"""

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from itertools import pairwise

EVERY_S, PATIENCE_S, AT_ONCE = 0.005, 0.3, 80


def main() -> None:
    """Call, and print what came of it."""
    address, seconds = sys.argv[1], float(sys.argv[2])
    answered: list[float] = []

    def call() -> None:
        connection = HTTPConnection(address, 80, timeout=PATIENCE_S)
        try:
            connection.request("GET", "/")
            connection.getresponse().read()
        except (OSError, HTTPException):
            return
        finally:
            connection.close()
        answered.append(time.monotonic())

    ended, until = threading.Event(), time.monotonic() + seconds
    with ThreadPoolExecutor(AT_ONCE) as calls:
        while time.monotonic() < until:
            calls.submit(call)
            ended.wait(EVERY_S)
    longest = max((after - before for before, after in pairwise(sorted(answered))), default=seconds)
    print(f"{longest * 1000:.0f} ms without an answer at most, {len(answered)} answers")


if __name__ == "__main__":
    main()
