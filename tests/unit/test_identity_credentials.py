"""The files with the administrator's password follow the address of the server."""

from pathlib import Path

import yaml

from evener_cloud.identity.bootstrap import follow_address, write_credentials

OLD, NEW = "http://127.0.0.1:9876/identity/v3", "http://127.0.0.1:9999/identity/v3"


def _auth(directory: Path) -> dict[str, str]:
    return yaml.safe_load((directory / "clouds.yaml").read_text())["clouds"]["evener"]["auth"]


def test_the_address_is_written_anew_when_the_server_moves_and_the_password_stays(tmp_path: Path) -> None:
    write_credentials(tmp_path, OLD, "it's")
    follow_address(tmp_path, NEW)
    assert (_auth(tmp_path)["auth_url"], _auth(tmp_path)["password"]) == (NEW, "it's")
    assert NEW in (tmp_path / "openrc").read_text()
    assert (tmp_path / "clouds.yaml").stat().st_mode & 0o777 == 0o600


def test_files_that_are_not_ours_are_left_alone(tmp_path: Path) -> None:
    follow_address(tmp_path, NEW)
    assert not list(tmp_path.iterdir())
    for text in (
        "",
        "clouds: {evener: {}}",
        "a: [",
        "clouds: {evener: {auth: {auth_url: x, username: me, password: y}}}",
    ):
        (tmp_path / "clouds.yaml").write_text(text)
        follow_address(tmp_path, NEW)
        assert (tmp_path / "clouds.yaml").read_text() == text
