"""A web server that says who it is, for the demonstration: `server.py NAME [PORT]`; of IPv4 and IPv6.

`/` answers `This is NAME`; `/headers` answers the request's headers as they arrived. Must not know Evener.
"""

import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    """Answers GET; the server's name is in `server.name`."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        text = f"This is {self.server.name}\n"  # type: ignore[attr-defined]
        if self.path == "/headers":
            text += "".join(f"{name}: {value}\n" for name, value in self.headers.items())
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing: nobody reads it."""


class Server(ThreadingHTTPServer):
    """A thread per connection, none of which holds up the end of the process."""

    daemon_threads = True
    address_family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET

    def __init__(self, name: str, port: int) -> None:
        super().__init__(("", port), Handler)
        self.name = name

    def server_bind(self) -> None:
        """Take connections of both."""
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


if __name__ == "__main__":
    Server(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 80).serve_forever()
