"""Projects beside the one that the first start makes, for end-to-end tests."""

from pathlib import Path
from typing import Any

import yaml
from standalone import Api, Standalone

IDENTITY = "/identity/v3"


def project_api(standalone: Standalone, name: str, directory: Path) -> Api:
    """Return the API of a member of a new project."""
    admin = standalone.api()

    def made(kind: str, **values: Any) -> str:
        body = {kind: {"name": name, "domain_id": "default", **values}}
        answer = admin.request("POST", f"{IDENTITY}/{kind}s", body)
        assert answer.ok, answer.text
        return str(answer.json()[kind]["id"])

    project, user = made("project"), made("user", password=f"password of {name}")
    role = admin.request("GET", f"{IDENTITY}/roles?name=member").json()["roles"][0]["id"]
    assert admin.request("PUT", f"{IDENTITY}/projects/{project}/users/{user}/roles/{role}").ok
    cloud = yaml.safe_load((standalone.state / "clouds.yaml").read_text())["clouds"]["evener"]
    cloud["auth"] |= {"username": name, "password": f"password of {name}", "project_name": name}
    (directory / f"{name}.yaml").write_text(yaml.safe_dump({"clouds": {"evener": cloud}}))
    return Api(admin.url, directory / f"{name}.yaml")
