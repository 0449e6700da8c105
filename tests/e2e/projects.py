"""Projects beside the one that the first start makes, for end-to-end tests."""

from pathlib import Path
from typing import Any

import yaml
from standalone import Api, Standalone

IDENTITY = "/identity/v3"


def made(api: Api, kind: str, name: str, **values: Any) -> str:
    """Make a project, user or role, and return its id."""
    answer = api.request("POST", f"{IDENTITY}/{kind}s", {kind: {"name": name, **values}})
    assert answer.ok, answer.text
    return str(answer.json()[kind]["id"])


def known(api: Api, kind: str, name: str) -> str:
    """Return the id of the project, user or role of that name."""
    return str(api.request("GET", f"{IDENTITY}/{kind}s?name={name}").json()[f"{kind}s"][0]["id"])


def grant(api: Api, project_id: str, user_id: str, role_id: str) -> None:
    """Give a user a role in a project."""
    assert api.request("PUT", f"{IDENTITY}/projects/{project_id}/users/{user_id}/roles/{role_id}").ok


def project_api(standalone: Standalone, name: str, directory: Path) -> Api:
    """Return the API of a member of a new project."""
    admin = standalone.api()
    user = made(admin, "user", name, password=f"password of {name}")
    grant(admin, made(admin, "project", name), user, known(admin, "role", "member"))
    cloud = yaml.safe_load((standalone.state / "clouds.yaml").read_text())["clouds"]["evener"]
    cloud["auth"] |= {"username": name, "password": f"password of {name}", "project_name": name}
    (directory / f"{name}.yaml").write_text(yaml.safe_dump({"clouds": {"evener": cloud}}))
    return Api(admin.url, directory / f"{name}.yaml")
