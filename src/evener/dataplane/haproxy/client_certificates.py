"""What members are told of a client's certificate: headers that no client can write itself. Pure.

HAProxy configuration manual, sections 4.2 ("http-request set-header", "del-header") and 7.3.4 ("ssl_c_…").
"""

from collections.abc import Iterator

from evener.dataplane.haproxy.quoting import line
from evener.dataplane.haproxy.tls import authenticates, terminates
from evener.resources.listener import Listener

# As members of Octavia's amphora get them: its template asks for names and dates in quotes, of which HAProxy makes none
# in a header. What no header may hold, such as the end of a line, HAProxy writes as `%0A`.
HEADERS = {
    "X-SSL-Client-Verify": "%[ssl_c_verify]",
    "X-SSL-Client-Has-Cert": "%[ssl_c_used]",
    "X-SSL-Client-DN": "%[ssl_c_s_dn]",
    "X-SSL-Client-CN": "%[ssl_c_s_dn(cn)]",
    "X-SSL-Issuer": "%[ssl_c_i_dn]",
    "X-SSL-Client-SHA1": "%[ssl_c_sha1,hex]",
    "X-SSL-Client-Not-Before": "%[ssl_c_notbefore]",
    "X-SSL-Client-Not-After": "%[ssl_c_notafter]",
}
# All of them, however they are written: what runs behind a gateway (CGI, WSGI) takes an underscore for a dash.
_ANY = "^x[-_]ssl[-_](client[-_](verify|has[-_]cert|dn|cn|sha1|not[-_]before|not[-_]after)|issuer)$"


def header_lines(listener: Listener) -> Iterator[str]:
    """Return the lines of the frontend of a listener; none where clients are never asked who they are."""
    wanted = [name for name in HEADERS if listener.headers.get(name) == "true"]
    if not terminates(listener) or not (wanted or authenticates(listener)):
        return
    yield line("http-request", "del-header", _ANY, "-m", "reg")
    for name in wanted:
        yield line("http-request", "set-header", name, HEADERS[name])
