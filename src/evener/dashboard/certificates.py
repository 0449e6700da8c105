"""Certificates for listeners that end TLS: what the key manager has, until when it is good, and new ones put there.

No private key is read here: what is uploaded goes on as it came, but for PEM, which is taken apart by its lines.
"""

import base64
import re
import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from evener.dashboard import expiry, making
from evener.dashboard.asked import Asked, Html, Redirect, Reply, id_of
from evener.dashboard.cloud import CloudError, Refused
from evener.dashboard.words import say

Json = dict[str, Any]
Parts = Mapping[str, tuple[str, bytes]]
ON_A_PAGE = 25
LISTED = 100  # in a menu
MOST_KNOWN = 1000  # certificates that a session remembers
KINDS = {"certificate": "certificate", "private_key": "private", "intermediates": "certificate"}
FILES = ("certificate", "private_key", "intermediates")
PREFIX = "upload."
_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----\r?\n?", re.DOTALL)


def view(asked: Asked) -> Html:
    """Show the containers of certificates, and until when these are good."""
    return Html("certificates.html", values(asked, probe(asked)))


def probe(asked: Asked) -> Any:
    """Return the containers of the page, with whom they are used by, in one request."""
    return asked.keys("GET", "/containers", type="certificate", limit=ON_A_PAGE, offset=_offset(asked))


def _offset(asked: Asked) -> int:
    text = asked.query.get("offset", "0")
    return int(text) if text.isascii() and text.isdecimal() else 0


def values(asked: Asked, found: Json) -> Json:
    """Return what the page shows; asks for certificates that this session has not read yet."""
    offset = _offset(asked)
    rows = asked.cloud.together(*(lambda each=each: _row(asked, each) for each in found["containers"]))
    last = offset + ON_A_PAGE
    return {
        "title": "Certificates",
        "rows": rows,
        "before": f"?offset={max(0, offset - ON_A_PAGE)}" if offset else None,
        "after": f"?offset={last}" if found.get("total", 0) > last else None,
        "commands": ["openstack secret container list --type certificate"],
    }


def _row(asked: Asked, container: Json) -> Json:
    parts = {each["name"]: each["secret_ref"] for each in container["secret_refs"]}
    seen = _seen(asked, parts["certificate"]) if "certificate" in parts else None
    identity = id_of(container["container_ref"])
    users = [each["name"] for each in container.get("consumers", ())]
    return {"id": identity, "name": container["name"] or identity, "seen": seen, "users": users}


def _seen(asked: Asked, reference: str) -> expiry.Seen | None:
    known = asked.session.certificates
    if reference in known:
        return expiry.seen(*known[reference])
    found = None
    with suppress(CloudError):
        found = expiry.read(asked.payload(reference))
    if found is not None and len(known) < MOST_KNOWN:
        known[reference] = found.names, found.ends
    return found


def show_upload(asked: Asked) -> Html:
    """Show the form for a new one."""
    return _upload(asked, {})


def upload(asked: Asked) -> Reply:
    """Put it into the key manager."""
    try:
        if not stored(asked):
            return _upload(asked, {f"{PREFIX}certificate": say("Choose the file with the certificate.")}, 400)
    except Refused as refusal:
        return _upload(asked, {"": str(refusal)}, refusal.status)
    return Redirect("/certificates")


def tell(asked: Asked) -> Html:
    """Return the command that stores what has been chosen."""
    return Html("commands.html", {"commands": _commands(asked)})


def named(asked: Asked) -> making.Upload | None:
    """Return the files that were chosen, of which the page tells the names; None where none was."""
    said = {name: asked.said(f"{PREFIX}{name}") for name in (*FILES, "name")}
    is_protected = bool(asked.said(f"{PREFIX}passphrase"))
    return making.Upload(**said, is_protected=is_protected) if said["certificate"] else None


def _commands(asked: Asked) -> list[str]:
    name = asked.said(f"{PREFIX}name") or "NAME"
    return [making.stored(named(asked) or making.Upload("FILE.p12", name=name))]


def _upload(asked: Asked, wrong: Json, status: int = 200) -> Html:
    values = {
        "title": "Upload a certificate",
        "given": {f"{PREFIX}name": asked.said(f"{PREFIX}name")},
        "wrong": wrong,
        "commands": _commands(asked),
        "are_in_turn": True,
    }
    return Html("certificate_upload.html", values, status)


def ask_delete(asked: Asked) -> Html:
    """Ask whether it is really meant."""
    return _deletion(asked, {})


def delete(asked: Asked) -> Reply:
    """Delete a container with its secrets."""
    path = f"/containers/{asked.parts['container_id']}"
    try:
        container = asked.keys("GET", path)
        asked.keys("DELETE", path)
    except Refused as refusal:
        return _deletion(asked, {"": str(refusal)}, refusal.status)
    for each in container["secret_refs"]:
        with suppress(Refused):  # another container may hold it
            asked.keys("DELETE", f"/secrets/{id_of(each['secret_ref'])}")
    return Redirect("/certificates")


def _deletion(asked: Asked, wrong: Json, status: int = 200) -> Html:
    container = asked.keys("GET", f"/containers/{asked.parts['container_id']}")
    values = {
        "title": say("Delete {kind} {name}?").format(
            kind=say("certificate"), name=container["name"] or container["container_ref"]
        ),
        "back": "/certificates",
        "wrong": wrong,
        "commands": [shlex.join(["openstack", "secret", "container", "delete", container["container_ref"]])],
    }
    return Html("delete.html", values, status)


def options(asked: Asked) -> Sequence[tuple[str, str]]:
    """Return what can be named: containers, and secrets that are in none; nothing without a key manager."""
    try:
        containers, secrets = asked.cloud.together(
            lambda: asked.keys("GET", "/containers", type="certificate", limit=LISTED)["containers"],
            lambda: asked.keys("GET", "/secrets", limit=LISTED)["secrets"],
        )
    except CloudError:
        return []
    held = {part["secret_ref"] for each in containers for part in each["secret_refs"]}
    own = [(each["secret_ref"], each["name"]) for each in secrets if each["secret_ref"] not in held]
    found = [*((each["container_ref"], each["name"]) for each in containers), *own]
    return [(reference, name or id_of(reference)) for reference, name in found]


def stored(asked: Asked) -> str:
    """Return the reference of what came with a form, stored in the key manager; nothing where nothing came.

    Raises:
        Refused: in the key manager's words; then nothing is stored.
    """
    files = {name: asked.files.get(f"{PREFIX}{name}", b"") for name in FILES}
    if not files["certificate"].strip():
        return ""
    name, passphrase = asked.said(f"{PREFIX}name"), asked.said(f"{PREFIX}passphrase")
    if b"-----BEGIN " in files["certificate"]:
        files = _taken_apart(files)
    elif not passphrase and not files["private_key"]:
        return _stored_secret(
            asked, name, "opaque", files["certificate"]
        )  # PKCS12, which Octavia takes as it is
    parts = {each: (KINDS[each], content) for each, content in files.items() if content.strip()}
    if passphrase:
        parts["private_key_passphrase"] = ("passphrase", passphrase.encode())
    return _stored_container(asked, name, parts)


def _taken_apart(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the certificate, key and intermediates of files of PEM, whichever of them stand in one."""
    blocks = [(match[1], match[0]) for match in _BLOCK.finditer(files["certificate"])]
    certificates = [block for kind, block in blocks if kind.endswith(b"CERTIFICATE")]
    keys = [block for kind, block in blocks if kind.endswith(b"PRIVATE KEY")]
    return {
        "certificate": certificates[0] if certificates else files["certificate"],
        "private_key": files["private_key"] or b"".join(keys[:1]),
        "intermediates": b"".join(certificates[1:]) + files["intermediates"],
    }


def _stored_secret(asked: Asked, name: str, kind: str, content: bytes) -> str:
    body: Json = {"name": name or None, "secret_type": kind}
    try:
        body |= {"payload": content.decode("ascii"), "payload_content_type": "text/plain"}
    except UnicodeDecodeError:
        body |= {
            "payload": base64.b64encode(content).decode(),
            "payload_content_type": "application/octet-stream",
            "payload_content_encoding": "base64",
        }
    return str(asked.keys("POST", "/secrets", body)["secret_ref"])


def _stored_container(asked: Asked, name: str, parts: Parts) -> str:
    made: dict[str, str] = {}
    try:
        for part, (kind, content) in parts.items():
            made[part] = _stored_secret(asked, f"{name} {part}" if name else part, kind, content)
        listed = [{"name": part, "secret_ref": reference} for part, reference in made.items()]
        body = {"type": "certificate", "name": name or None, "secret_refs": listed}
        return str(asked.keys("POST", "/containers", body)["container_ref"])
    except CloudError:
        for reference in made.values():
            with suppress(CloudError):
                asked.keys("DELETE", f"/secrets/{id_of(reference)}")
        raise
