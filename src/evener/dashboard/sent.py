"""What a browser sends by a form, once it is known to be one of ours."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import falcon
from falcon.asgi import Request

LARGEST = 1_048_576  # bytes of a form
MOST_FIELDS = 5000
UNKEPT = ("csrf", "upload.passphrase")


@dataclass(frozen=True, slots=True)
class Sent:
    """What a form of ours sent: its fields with all their values, and the files that came along."""

    form: Mapping[str, list[str]] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    @property
    def csrf(self) -> str:
        """What says that the form is of a session."""
        return self.form.get("csrf", [""])[0]

    @property
    def kept(self) -> str:
        """What a browser can bring along until it may be used."""
        return json.dumps({name: values for name, values in self.form.items() if name not in UNKEPT})


def kept_form(text: str) -> Mapping[str, list[str]]:
    """Return what `kept` said, or nothing."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    if not isinstance(found, dict) or not all(isinstance(each, list) for each in found.values()):
        return {}
    return {name: [str(each) for each in values] for name, values in found.items()}


async def read_form(req: Request) -> Sent:
    """Return what a form of ours sent.

    Raises:
        falcon.HTTPError: for what is none, or comes from another site.
    """
    origin = req.get_header("Origin")
    if (origin is not None and urlsplit(origin).netloc != req.netloc) or req.get_header(
        "Sec-Fetch-Site"
    ) not in (
        None,
        "same-origin",
    ):
        raise falcon.HTTPForbidden(description="This was sent by a page of another site.")
    is_in_parts = (req.content_type or "").startswith(falcon.MEDIA_MULTIPART)
    if (req.content_length or 0) > LARGEST or (is_in_parts and req.content_length is None):
        raise falcon.HTTPContentTooLarge(description="That is too much for one form.")
    if is_in_parts:
        return await _parts(req)
    sent = await req.stream.read(LARGEST)
    return Sent(parse_qs(sent.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS))


async def _parts(req: Request) -> Sent:
    form: dict[str, list[str]] = {}
    files: dict[str, bytes] = {}
    async for part in await req.get_media():
        content = await part.get_data()
        if part.filename is None:
            form.setdefault(part.name, []).append(content.decode("utf-8", "replace"))
        else:
            files[part.name] = content
    return Sent(form, files)
