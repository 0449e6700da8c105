"""Asks for a page until it is told to end: `traffic.py ADDRESS`; says what failed, and then how many were asked for.

Run in a client's namespace, by itself.
"""

import http.client
import signal
import sys
import time

PAUSE_S, PATIENCE_S = 0.02, 5.0


def ask(address: str) -> None:
    """Get one page by a connection of its own."""
    connection = http.client.HTTPConnection(address, 80, timeout=PATIENCE_S)
    try:
        connection.request("GET", "/")
        answer = connection.getresponse()
        answer.read()
        if answer.status != http.client.OK:
            raise OSError(f"status {answer.status}")
    finally:
        connection.close()


def main() -> None:
    """Ask until SIGTERM."""
    going, count = [True], 0
    signal.signal(signal.SIGTERM, lambda *_: going.clear())
    while going:
        try:
            ask(sys.argv[1])
        except (OSError, http.client.HTTPException) as error:
            sys.stdout.write(f"{time.strftime('%X')} {error!r}\n")
        count += 1
        time.sleep(PAUSE_S)
    sys.stdout.write(f"{count}\n")


if __name__ == "__main__":
    main()
