"""The dashboard over HTTP: which function makes which page, who may ask for it, and what a browser is told.

What a page shows is decided elsewhere: a page is a function of `Asked`.
"""

import asyncio
import hmac
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol
from urllib.parse import quote

import falcon
import falcon.asgi
from falcon.asgi import Request, Response
from falcon.media import MultipartFormHandler

from evener.dashboard import (
    agents,
    balancer,
    certificates,
    configuration,
    editing,
    floating_ips,
    history,
    listing,
    live,
    members,
    overview,
    quotas,
    wizard,
)
from evener.dashboard.asked import MOUNT, Asked, Html, Redirect, Reply, View
from evener.dashboard.cloud import Away, Cloud, Credentials, LoggedOut, Login, Refused
from evener.dashboard.editing import BALANCER
from evener.dashboard.sent import MOST_FIELDS, Sent, kept_form, read_form
from evener.dashboard.sessions import Session, Sessions
from evener.dashboard.templates import HERE, render
from evener.dashboard.words import LANGUAGE, LANGUAGES, THEME, THEMES, language_of, say, theme_of

COOKIE = "evener_dashboard"
LOGINS_AT_ONCE = 2  # each costs the identity service a password's hash
ENDED = "The session has ended. Log in again: what you typed comes back; files have to be chosen again."
LOGGED_OUT = "You are not logged in"
OPEN = "Open the address that evener-dashboard has printed when it was started."
ANOTHER_TITLE = "This form is of another session"
ANOTHER = "Nothing has been done. Send it again if you want it done now."
STREAMS = 20  # of events, of one session
STATIC = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
KEPT = "private, max-age=31536000, immutable"
YEAR_S = 31_536_000
PREFERENCES = {"language": LANGUAGES, "theme": THEMES}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
    " connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def _for_who_may_change(view: View) -> View:
    def checked(asked: Asked) -> Reply:
        if not asked.session.login.may_change:
            raise Refused(403, "Your roles are for reading only.")
        return view(asked)

    return checked


def _administrators(view: View) -> View:
    def checked(asked: Asked) -> Reply:
        if not asked.session.login.is_admin:
            raise Refused(403, "This is for administrators.")
        return view(asked)

    return checked


PAGES: Sequence[tuple[str, View, View | None]] = (
    ("/balancers", listing.view, None),
    ("/balancers/create", wizard.show, wizard.create),
    ("/balancers/create/commands", wizard.show, wizard.tell),
    (BALANCER, balancer.view, None),
    (f"{BALANCER}/history", history.view, None),
    (f"{BALANCER}/configuration", _administrators(configuration.view), None),
    (f"{BALANCER}/floating-ip", floating_ips.show, floating_ips.change),
    (f"{BALANCER}/floating-ip/commands", floating_ips.show, floating_ips.tell),
    (f"{BALANCER}/pools/{{pool_id:uuid}}/members/add", members.show, members.add),
    (f"{BALANCER}/pools/{{pool_id:uuid}}/members/add/commands", members.show, members.tell),
    *editing.pages(),
    (f"{BALANCER}/failover", _administrators(agents.ask_failover), _administrators(agents.failover)),
    ("/overview", overview.view, None),
    ("/quotas", quotas.view, None),
    ("/quotas/{project_id}", _administrators(quotas.show), _administrators(quotas.change)),
    ("/quotas/{project_id}/commands", _administrators(quotas.show), _administrators(quotas.tell)),
    ("/agents", _administrators(agents.view), None),
    ("/agents/{agent_id:uuid}", _administrators(agents.view), _administrators(agents.change)),
    ("/certificates", certificates.view, None),
    ("/certificates/upload", certificates.show_upload, certificates.upload),
    ("/certificates/upload/commands", certificates.show_upload, certificates.tell),
    ("/certificates/{container_id:uuid}/delete", certificates.ask_delete, certificates.delete),
)


class Owner(Protocol):
    """Who has started a dashboard for themselves: see `evener.dashboard.own`."""

    key: str

    def log_in(self) -> Login:
        """Return what the identity service says of them now."""


class Site:
    """What all requests share."""

    def __init__(self, cloud: Cloud, sessions: Sessions, own: Owner | None = None) -> None:
        self.cloud, self.sessions, self.own = cloud, sessions, own
        self.shared = live.Shared()
        self.logins = asyncio.Semaphore(LOGINS_AT_ONCE)
        self.streams: dict[str, int] = {}

    def session_of(self, req: Request) -> Session | None:
        """Return the session that the browser names."""
        return self.sessions.find((req.get_cookie_values(COOKIE) or [""])[0])

    def asked(self, req: Request, session: Session, parts: Mapping[str, Any], sent: Sent) -> Asked:
        """Return what pages are made from."""
        query = {name: value if isinstance(value, str) else value[-1] for name, value in req.params.items()}
        names = {name: str(value) for name, value in parts.items()}
        return Asked(self.cloud, session, names, query, sent.form, sent.files)


def _write(resp: Response, reply: Reply, session: Session | None, req: Request) -> None:
    if isinstance(reply, Redirect):
        resp.status, resp.location = falcon.HTTP_303, MOUNT + reply.path
        return
    query = f"?{req.query_string}" if req.query_string else ""
    resp.status, resp.content_type = reply.status, falcon.MEDIA_HTML
    here = req.relative_uri if req.method == "GET" else req.path
    resp.text = render(reply.template, session, {"here": here, **reply.values}, query)


def _problem(
    resp: Response,
    req: Request,
    session: Session | None,
    status: int,
    title: str,
    words: str,
    sent: Sent | None = None,
) -> None:
    """Say what is wrong; what was sent can be sent again."""
    values = {"title": title, "words": words, "again": {} if sent is None else kept_form(sent.kept)}
    _write(resp, Html("problem.html", values, status), session, req)


class Page:
    """One page, for those who are logged in."""

    def __init__(self, site: Site, view: View) -> None:
        self._site, self._view = site, view

    async def on_get(self, req: Request, resp: Response, **parts: Any) -> None:
        """Show it."""
        await self._answer(self._view, req, resp, parts, Sent())

    async def _answer(
        self, view: View, req: Request, resp: Response, parts: Mapping[str, Any], sent: Sent
    ) -> None:
        session = self._site.session_of(req)
        if session is None:
            self._to_login(req, resp, sent)
            return
        if req.method == "GET":
            sent = Sent(session.take_kept(req.relative_uri))
        elif not hmac.compare_digest(sent.csrf.encode(), session.csrf.encode()):
            _problem(resp, req, session, 403, ANOTHER_TITLE, ANOTHER, sent)
            return
        try:
            reply = await asyncio.to_thread(view, self._site.asked(req, session, parts, sent))
            _write(resp, reply, session, req)
        except LoggedOut:
            self._site.sessions.end(session)
            self._to_login(req, resp, sent)
        except Refused as refusal:
            _problem(resp, req, session, refusal.status, "The API has refused", str(refusal))
        except Away as error:
            _problem(resp, req, session, 503, "The API does not answer", str(error), sent)

    def _to_login(self, req: Request, resp: Response, sent: Sent) -> None:
        if self._site.own is None or not sent.form:
            _to_login(req, resp, sent)
        else:
            _problem(resp, req, None, 401, LOGGED_OUT, OPEN)


class FormPage(Page):
    """One that has a form, for those who may change something."""

    def __init__(self, site: Site, view: View, change: View) -> None:
        super().__init__(site, _for_who_may_change(view))
        self._change = _for_who_may_change(change)

    async def on_post(self, req: Request, resp: Response, **parts: Any) -> None:
        """Do what its form says."""
        await self._answer(self._change, req, resp, parts, await read_form(req))


class Events:
    """What changes on one kind of page."""

    def __init__(self, site: Site, kind: live.Kind) -> None:
        self._site, self._kind = site, kind

    async def on_get(self, req: Request, resp: Response, **parts: Any) -> None:
        """Send it, as it happens."""
        site, session = self._site, self._site.session_of(req)
        if session is None:
            resp.sse = live.ended()
            return
        if site.streams.get(session.key, 0) >= STREAMS:
            raise falcon.HTTPTooManyRequests(description="Too many open pages.")
        asked, query = (
            site.asked(req, session, parts, Sent()),
            f"?{req.query_string}" if req.query_string else "",
        )
        resp.sse = self._counted(session.key, live.events(site.shared, self._kind, asked, query))

    async def _counted(self, key: str, events: Any) -> Any:
        streams = self._site.streams
        streams[key] = streams.get(key, 0) + 1
        try:
            async for each in events:
                yield each
        finally:
            streams[key] -= 1
            if not streams[key]:
                del streams[key]


def _to_login(req: Request, resp: Response, sent: Sent) -> None:
    """Lead to the login, and with what was typed back again."""
    if not sent.form:
        _write(resp, Redirect(f"/login?next={quote(req.relative_uri)}"), None, req)
        return
    values = {
        "given": {"domain": "Default"},
        "next": req.relative_uri,
        "kept": sent.kept,
        "wrong": {"": say(ENDED)},
    }
    _write(resp, Html("login.html", {"title": "Log in", **values}, 401), None, req)


def _begin(site: Site, req: Request, resp: Response, login: Login) -> Session:
    """Let a browser have a session."""
    session = site.sessions.begin(login)
    secure = req.scheme == "https"
    resp.set_cookie(COOKIE, session.key, path=MOUNT, http_only=True, same_site="Strict", secure=secure)
    return session


class OwnLogin:
    """Where a session of a dashboard begins that somebody has started for themselves: with its key."""

    def __init__(self, site: Site, own: Owner) -> None:
        self._site, self._own = site, own

    async def on_get(self, req: Request, resp: Response) -> None:
        """Begin one for who has the key, and say to others where it is."""
        given = req.get_param("key") or ""
        if not hmac.compare_digest(given.encode(), self._own.key.encode()):
            _problem(resp, req, None, 401, LOGGED_OUT, OPEN)
            return
        try:
            login = await asyncio.to_thread(self._own.log_in)
        except Refused as refusal:
            _problem(resp, req, None, refusal.status, "The API has refused", str(refusal))
            return
        except Away as error:
            _problem(resp, req, None, 503, "The API does not answer", str(error))
            return
        self._site.sessions.renew(login)
        _begin(self._site, req, resp, login)
        _write(resp, Redirect("/balancers"), None, req)


class LoginPage:
    """Where a session begins."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def on_get(self, req: Request, resp: Response) -> None:
        """Show the form."""
        self._show(req, resp, {"domain": "Default", "next": req.get_param("next") or ""}, {}, 200)

    async def on_post(self, req: Request, resp: Response) -> None:
        """Log in, and go on to the page that was asked for."""
        form = (await read_form(req)).form
        names = ("user", "password", "project", "domain", "next", "kept")
        given = {name: form.get(name, [""])[0] for name in names}
        credentials = Credentials(given["user"], given["password"], given["project"], given["domain"])
        try:
            async with self._site.logins:
                login = await asyncio.to_thread(self._site.cloud.log_in, credentials, req.remote_addr)
        except Refused as refusal:
            self._show(req, resp, given, {"": str(refusal)}, refusal.status)
            return
        except Away as error:
            self._show(req, resp, given, {"": str(error)}, 503)
            return
        session = _begin(self._site, req, resp, login)
        wanted = given["next"]
        inside = _is_inside(wanted)
        if inside and given["kept"]:
            session.kept = wanted, kept_form(given["kept"])
        _write(resp, Redirect(wanted.removeprefix(MOUNT) if inside else "/balancers"), None, req)

    def _show(
        self,
        req: Request,
        resp: Response,
        given: Mapping[str, str],
        wrong: Mapping[str, str],
        status: int,
    ) -> None:
        values: dict[str, Any] = {"title": "Log in", "given": given, "wrong": wrong}
        values |= {"next": given["next"], "kept": given.get("kept")}
        _write(resp, Html("login.html", values, status), None, req)


class Logout:
    """Where it ends."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def on_post(self, req: Request, resp: Response) -> None:
        """End the session and its token."""
        sent, session = await read_form(req), self._site.session_of(req)
        if session is not None:
            if not hmac.compare_digest(sent.csrf.encode(), session.csrf.encode()):
                raise falcon.HTTPForbidden(description="This form is not of this session; open it again.")
            self._site.sessions.end(session)
            with suppress(
                Away
            ):  # the token ends by itself; that of one's own dashboard is other sessions' too
                if self._site.own is None:
                    await asyncio.to_thread(self._site.cloud.log_out, session.login)
        resp.unset_cookie(COOKIE, path=MOUNT, same_site="Strict")
        _write(resp, Redirect("/login"), None, req)


class Static:
    """Files of ours, read once."""

    def __init__(self) -> None:
        self._files = {each.name: each.read_bytes() for each in (HERE / "static").iterdir()}

    async def on_get(self, req: Request, resp: Response, name: str) -> None:
        """Return one."""
        del req
        if name not in self._files:
            raise falcon.HTTPNotFound
        resp.data, resp.content_type = self._files[name], STATIC[name.rpartition(".")[2]]
        resp.set_header("Cache-Control", KEPT)  # pages name it with its version


class Start:
    """The address without a page."""

    async def on_get(self, req: Request, resp: Response) -> None:
        """Go to the list."""
        _write(resp, Redirect("/balancers"), None, req)


class Preferences:
    """Colours and language, which a browser keeps."""

    async def on_post(self, req: Request, resp: Response) -> None:
        """Keep them for a year."""
        form = (await read_form(req)).form
        for name, known in PREFERENCES.items():
            value = form.get(name, [""])[0]
            if value in dict(known):
                resp.set_cookie(
                    f"evener_{name}",
                    value,
                    path=MOUNT,
                    same_site="Strict",
                    secure=req.scheme == "https",
                    max_age=YEAR_S,
                )
        wanted = form.get("next", [""])[0]
        _write(resp, Redirect(wanted.removeprefix(MOUNT) if _is_inside(wanted) else "/balancers"), None, req)


def _is_inside(address: str) -> bool:
    return address.startswith(f"{MOUNT}/") and "\\" not in address and address.isprintable()


class Headers:
    """What every answer tells a browser, and how its pages are to look."""

    async def process_request(self, req: Request, _resp: Response) -> None:
        """See what the browser keeps."""
        chosen = {name: (req.get_cookie_values(f"evener_{name}") or [""])[0] for name in PREFERENCES}
        LANGUAGE.set(language_of(chosen["language"], req.get_header("Accept-Language") or ""))
        THEME.set(theme_of(chosen["theme"]))

    async def process_response(self, _req: Request, resp: Response, *_: object) -> None:
        """Add it."""
        kept = resp.get_header("Cache-Control")
        resp.set_headers(HEADERS if kept is None else HEADERS | {"Cache-Control": kept})


def make_app(cloud: Cloud, sessions: Sessions, own: Owner | None = None) -> falcon.asgi.App[Any, Any]:
    """Return the application, all of it below `MOUNT`; where it is somebody's `own`, without a login page."""
    site = Site(cloud, sessions, own)
    app = falcon.asgi.App(middleware=[Headers()])
    in_parts = MultipartFormHandler()
    in_parts.parse_options.max_body_part_count = MOST_FIELDS
    app.req_options.media_handlers[falcon.MEDIA_MULTIPART] = in_parts
    for path, view, change in PAGES:
        app.add_route(MOUNT + path, Page(site, view) if change is None else FormPage(site, view, change))
    app.add_route(f"{MOUNT}/balancers/events", Events(site, live.LIST))
    app.add_route(f"{MOUNT}{BALANCER}/events", Events(site, live.BALANCER))
    app.add_route(f"{MOUNT}{BALANCER}/history/events", Events(site, live.HISTORY))
    app.add_route(f"{MOUNT}{BALANCER}/configuration/events", Events(site, live.CONFIGURATION))
    app.add_route(f"{MOUNT}/agents/events", Events(site, live.AGENTS))
    app.add_route(f"{MOUNT}/quotas/events", Events(site, live.QUOTAS))
    app.add_route(f"{MOUNT}/certificates/events", Events(site, live.CERTIFICATES))
    app.add_route(f"{MOUNT}/overview/events", Events(site, live.OVERVIEW))
    app.add_route(f"{MOUNT}/login", LoginPage(site) if own is None else OwnLogin(site, own))
    app.add_route(f"{MOUNT}/preferences", Preferences())
    app.add_route(f"{MOUNT}/logout", Logout(site))
    for path in (MOUNT, f"{MOUNT}/"):
        app.add_route(path, Start())
    app.add_route(f"{MOUNT}/static/{{name}}", Static())

    async def show_error(
        req: Request, resp: Response, error: falcon.HTTPError, _params: Mapping[str, Any]
    ) -> None:
        _problem(
            resp, req, site.session_of(req), error.status_code, error.title or "", error.description or ""
        )

    app.add_error_handler(falcon.HTTPError, show_error)
    return app
