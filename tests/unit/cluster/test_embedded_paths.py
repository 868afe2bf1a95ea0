"""The state directory is private, local, and always the same one."""

from __future__ import annotations

import os
import stat
from typing import Any

import pytest

from gridcompat.cluster.embedded import paths
from gridcompat.errors import SettingsError
from gridcompat.settings import Settings


def mode(path: str) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


def test_the_setting_is_made_private_with_its_parents(tmp_path: Any) -> None:
    wanted = f"{tmp_path}/a/b/state"
    assert paths.state_dir(Settings(state_dir=wanted)) == wanted
    assert mode(wanted) == 0o700
    os.chmod(wanted, 0o755)
    assert paths.state_dir(Settings(state_dir=wanted)) == wanted
    assert mode(wanted) == 0o700


def test_a_tilde_is_the_home(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert paths.state_dir(Settings(state_dir="~/state")) == f"{tmp_path}/state"


def test_without_a_setting_it_is_in_the_users_state(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "_fallback", lambda: f"{tmp_path}/fallback")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    assert paths.state_dir(Settings()) == f"{tmp_path}/.local/state/gridcompat"
    monkeypatch.setenv("XDG_STATE_HOME", f"{tmp_path}/x")
    assert paths.state_dir(Settings()) == f"{tmp_path}/x/gridcompat"
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    assert paths.state_dir(Settings()) == f"{tmp_path}/.local/state/gridcompat"


def test_a_home_on_a_network_file_system_is_left_alone(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "_fallback", lambda: f"{tmp_path}/fallback")
    monkeypatch.setattr(paths, "on_network_file_system", lambda path: True)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert paths.state_dir(Settings()) == f"{tmp_path}/fallback"
    assert mode(f"{tmp_path}/fallback") == 0o700
    # Once in use it stays in use.
    monkeypatch.setattr(paths, "on_network_file_system", lambda path: False)
    assert paths.state_dir(Settings()) == f"{tmp_path}/fallback"


def test_a_link_in_a_directory_of_everyone_is_not_followed(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkdir(f"{tmp_path}/elsewhere")
    os.symlink(f"{tmp_path}/elsewhere", f"{tmp_path}/fallback")
    monkeypatch.setattr(paths, "_fallback", lambda: f"{tmp_path}/fallback")
    monkeypatch.setattr(paths, "on_network_file_system", lambda path: True)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with pytest.raises(SettingsError, match="symbolic link"):
        paths.state_dir(Settings())


def test_what_cannot_be_a_directory_is_said_in_one_line(tmp_path: Any) -> None:
    with open(f"{tmp_path}/file", "w", encoding="utf-8"):
        pass
    for path in (f"{tmp_path}/file", f"{tmp_path}/file/below", "/proc/none"):
        with pytest.raises(SettingsError) as caught:
            paths.state_dir(Settings(state_dir=path))
        assert path in caught.value.message and "\n" not in caught.value.message


MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:30 / /home rw shared:2 - nfs4 server:/home rw
31 30 8:2 / /home/local rw - xfs /dev/sdb1 rw
32 22 0:31 / /mnt/with\\040blank rw - fuse.sshfs host: rw
33 22 0:32 / /over rw - nfs server:/ rw
34 22 8:3 / /over rw - ext4 /dev/sdc1 rw
"""


@pytest.mark.parametrize(
    ("path", "network"),
    [
        *(
            ("/home/tool", True),
            ("/home", True),
            ("/homestead", False),
            ("/home/local/x", False),
            ("/srv", False),
        ),
        *(("/mnt/with blank/x", True), ("/over/x", False)),
    ],
)
def test_network_file_systems_are_known_by_their_mounts(tmp_path: Any, path: str, network: bool) -> None:
    with open(f"{tmp_path}/mountinfo", "w", encoding="utf-8") as file:
        file.write(MOUNTS)
    assert paths.on_network_file_system(path, mounts=f"{tmp_path}/mountinfo") is network
    assert paths.on_network_file_system(path, mounts=f"{tmp_path}/none") is False
