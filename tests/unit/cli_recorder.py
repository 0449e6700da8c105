"""A small server over HTTP for tests of the client: it lets one user in, stores what it is sent, writes it down.

Not the project's server: no rules, no statuses of its own.
"""

import threading
import uuid
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import falcon

# Attributes that objects have also where they were not given, for clients that rely on them.
ALWAYS = {
    "routers": {"external_gateway_info": None},
    "security-group-rules": dict.fromkeys(
        ("protocol", "port_range_min", "port_range_max", "remote_ip_prefix", "remote_group_id")
    ),
    "security-groups": {"security_group_rules": []},
}


class Recorder:
    """What was stored by collection ("lbaas/pools"), and all requests as (method, path, query, body)."""

    def __init__(self):
        self.url = ""
        self.endpoint_suffix = ""
        self.roles = ["member"]
        self.reset()

    def reset(self):
        self.objects = {}
        self.requests = []
        self.logins = []  # what was sent to log in
        self.projects = {}  # ids by name, where the catalogue has the identity service
        self.refusals = {}  # (method, path): (status, body)
        self.answers = {}  # what is answered to every request on a path, whatever is stored
        self.statuses = []  # provisioning statuses that a load balancer shows, one per GET
        self.roles = ["member"]
        self.endpoint_suffix = ""

    def put(self, collection, **attributes):
        made = {"id": str(uuid.uuid4()), "name": "", **ALWAYS.get(collection, {}), **attributes}
        self.objects.setdefault(collection, []).append(made)
        return made

    def changes(self):
        return [one for one in self.requests if one[0] != "GET"]

    def queries(self, path):
        return [query for method, at, query, _ in self.requests if at == path and method == "GET"]

    def version(self, _req, resp):
        link = {"rel": "self", "href": f"{self.url}/identity/v3/"}
        resp.media = {"version": {"id": "v3.14", "status": "stable", "links": [link]}}

    def token(self, req, resp):
        self.logins.append(req.media["auth"])
        user = req.media["auth"]["identity"]["password"]["user"]
        if (user.get("name", user.get("id")), user["password"]) != ("ada", "right"):
            resp.status = 401
            message = "The request you have made requires authentication."
            resp.media = {"error": {"code": 401, "message": message, "title": "Unauthorized"}}
            return
        resp.status = 201
        resp.set_header("X-Subject-Token", "s3cr3t-token")
        endpoint = {"interface": "public", "region": "R", "region_id": "R", "id": "e"}
        endpoint["url"] = f"{self.url}/networking{self.endpoint_suffix}"
        resp.media = {
            "token": {
                "methods": ["password"],
                "expires_at": "2099-01-01T00:00:00.000000Z",
                "issued_at": "2020-01-01T00:00:00.000000Z",
                "user": {"id": "u", "name": "ada", "domain": {"id": "default", "name": "Default"}},
                "project": {"id": "p", "name": "demo", "domain": {"id": "default", "name": "Default"}},
                "roles": [{"id": role, "name": role} for role in self.roles],
                "catalog": [{"type": "network", "name": "neutron", "id": "n", "endpoints": [endpoint]}],
            }
        }
        if self.projects:
            own = {**endpoint, "url": f"{self.url}/identity/v3"}
            resp.media["token"]["catalog"].append(
                {"type": "identity", "name": "keystone", "id": "k", "endpoints": [own]}
            )

    def project(self, req, resp):
        resp.media = {"projects": [{"id": each} for each in self.projects.get(req.params["name"], ())]}

    def network(self, req, resp, path):
        body = req.media if req.content_length else None
        query = {key: value if isinstance(value, list) else [value] for key, value in req.params.items()}
        self.requests.append((req.method, path, query, body))
        if (req.method, path) in self.refusals:
            resp.status, resp.media = self.refusals[req.method, path]
            return
        collection, _, last = path.rpartition("/")
        if path in self.answers:
            resp.media = self.answers[path]
        elif last in {"stats", "statuses"}:
            resp.media = {last: self.objects[last]}
        elif last.endswith("_router_interface"):
            resp.media = {**body, "port_id": str(uuid.uuid4())}
        elif req.method == "POST":
            kind, attributes = next(iter(body.items()))
            resp.status = 201
            resp.media = {kind: self.put(path, **attributes)}
        elif len(last) == 36:
            self._one(req, resp, collection, last, body)
        else:
            self._list(resp, path, query)

    def _one(self, req, resp, collection, object_id, body):
        found = next((one for one in self.objects.get(collection, []) if one["id"] == object_id), None)
        if found is None:
            resp.status = 404
            resp.media = {
                "NeutronError": {"type": "EntityNotFound", "message": f"{object_id} is gone", "detail": ""}
            }
            return
        if req.method == "DELETE":
            self.objects[collection].remove(found)
            resp.status = 204
            return
        if req.method == "PUT":
            found.update(next(iter(body.values())))
        elif collection == "lbaas/loadbalancers" and self.statuses:
            found["provisioning_status"] = self.statuses.pop(0)
        plural = collection.rpartition("/")[2].replace("-", "_")
        resp.media = {plural.replace("policies", "policys").removesuffix("s"): found}

    def _list(self, resp, path, query):
        plural = path.rpartition("/")[2].replace("-", "_")
        filters = {
            k: v for k, v in query.items() if k not in {"fields", "limit", "marker", "sort_key", "sort_dir"}
        }
        found = [
            one
            for one in self.objects.get(path, [])
            if all(str(one.get(key)) in values for key, values in filters.items() if key in one)
        ]
        answer = {}
        if "limit" in query:
            size = int(query["limit"][0])
            start = [one["id"] for one in found].index(query["marker"][0]) + 1 if "marker" in query else 0
            if start + size < len(found):
                marker = found[start + size - 1]["id"]
                href = f"{self.url}/networking/v2.0/{path}?limit={size}&marker={marker}"
                answer[f"{plural}_links"] = [{"rel": "next", "href": href}]
            found = found[start : start + size]
        if "fields" in query:
            found = [{key: one[key] for key in query["fields"] if key in one} for one in found]
        resp.media = {plural: found, **answer}


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


def serve(recorder):
    """Start serving `recorder` on a free port of the loopback; return the server."""
    app = falcon.App()
    app.req_options.auto_parse_qs_csv = False
    app.add_sink(recorder.version, r"/identity/v3/?$")
    app.add_sink(recorder.token, r"/identity/v3/auth/tokens")
    app.add_sink(recorder.project, r"/identity/v3/projects")
    app.add_sink(recorder.network, r"/networking/v2.0/(?P<path>.+)")
    server = make_server("127.0.0.1", 0, app, server_class=_Server, handler_class=_Quiet)
    recorder.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server


def sent(server):
    """The one request that changes something."""
    (change,) = server.changes()
    return change[0], change[1], change[3]
