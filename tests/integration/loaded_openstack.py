"""Debian's openstack client, loaded once: a child of this process runs each command, where a start takes two seconds.

A program for Debian's Python, with the path of the socket it listens on as its argument. What it runs is what
`/usr/bin/openstack` runs, unmodified. A request is one line, the words of a command as JSON; the answer is how it
ended, and what it printed to standard output and error.
"""

import contextlib
import io
import json
import os
import socketserver
import sys
import tempfile

with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
    from openstackclient import shell

    shell.main(["--version"])  # finds the plugins


def run(words):
    """Run a command in a child; return its exit code, and what it printed to standard output and error."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        child = os.fork()
        if child == 0:
            os.dup2(output.fileno(), 1)
            os.dup2(errors.fileno(), 2)
            code = 1
            try:
                code = shell.main(words)
            except SystemExit as ended:
                code = ended.code
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code or 0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        for printed in (output, errors):
            printed.seek(0)
        return code, output.read().decode(), errors.read().decode()


class Command(socketserver.StreamRequestHandler):
    """One command."""

    def handle(self):
        """Run it and answer."""
        self.wfile.write(json.dumps(run(json.loads(self.rfile.readline()))).encode())


class Server(socketserver.ForkingMixIn, socketserver.UnixStreamServer):
    """Several commands at once."""

    request_queue_size = 50


if __name__ == "__main__":
    with Server(sys.argv[1], Command) as server:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        server.serve_forever()
