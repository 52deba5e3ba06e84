"""The embedded servers start anywhere, survive kill -9 and get out of each other's way."""

import os
import shutil
import signal
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from redis import Redis

from config import embedded
from config.embedded import lifecycle, servers
from config.embedded.place import LONGEST_SOCKET_DIRECTORY, SYSTEM_STATE, make_private
from config.secrets import ensure_secrets

# Each starts a server of its own.
pytestmark = pytest.mark.slow
AS_ROOT = os.geteuid() == 0


@pytest.fixture
def var() -> Iterator[Path]:
    """A directory that the servers' account may enter; pytest's own are closed to it."""
    directory = Path(tempfile.mkdtemp(prefix="throughline-test-"))
    directory.chmod(0o755)
    yield directory
    embedded.stop(embedded.place(directory))
    shutil.rmtree(directory)


def ask(where: embedded.Place, sql: str) -> object:
    with psycopg.connect(embedded.postgres_url(where)) as connection:
        cursor = connection.execute(sql)
        return cursor.fetchone()[0] if cursor.description else None


def broker(where: embedded.Place) -> Redis:
    return Redis(unix_socket_path=str(where.redis_socket))


def test_both_start_answer_and_stop(var: Path):
    where = embedded.start(embedded.place(var))
    assert ask(where, "SELECT current_database()") == "throughline"
    assert str(ask(where, "SHOW server_version")).startswith("18")
    with broker(where) as redis:
        assert redis.config_get("appendonly") == {"appendonly": "yes"}
        assert redis.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}

    embedded.stop(where)
    assert [server.pid(where) for server in embedded.SERVERS] == [None, None]


def test_starting_what_runs_changes_nothing(var: Path):
    where = embedded.start(embedded.place(var))
    before = [server.pid(where) for server in embedded.SERVERS]
    embedded.start(where)
    assert [server.pid(where) for server in embedded.SERVERS] == before


def test_what_was_committed_survives_kill_9(var: Path):
    where = embedded.start(embedded.place(var))
    ask(where, "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS id")
    with broker(where) as redis:
        redis.set("kept", "yes")
        redis.execute_command("WAITAOF", 1, 0, 0)

    for server in embedded.SERVERS:
        os.kill(server.pid(where), signal.SIGKILL)
    embedded.start(where)
    assert ask(where, "SELECT count(*) FROM kept") == 1000
    with broker(where) as redis:
        assert redis.get("kept") == b"yes"


def test_a_pid_file_that_names_somebody_else_is_no_obstacle(var: Path):
    where = embedded.start(embedded.place(var))
    embedded.stop(where)
    postmaster = where.postgres / "postmaster.pid"
    postmaster.write_text(f"{os.getpid()}\n{where.postgres}\n0\n5432\n{where.sockets}\n\n\nready\n")
    (where.redis / "redis.pid").write_text(str(os.getpid()))

    assert servers.postgres_pid(where) is None
    embedded.start(where)
    pids = [server.pid(where) for server in embedded.SERVERS]
    assert not {None, os.getpid()} & set(pids)

    embedded.stop(where)
    assert not any(servers.is_running(pid, "") for pid in pids)


def test_a_zombie_counts_as_ended(var: Path):
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    try:
        while "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1]:
            time.sleep(0.01)
        assert not servers.is_running(pid, "")
    finally:
        os.waitpid(pid, 0)


def test_a_long_path_moves_the_sockets_and_nothing_else(var: Path):
    deep = var / ("d" * LONGEST_SOCKET_DIRECTORY)
    where = embedded.start(embedded.place(deep))
    try:
        assert where.postgres.is_relative_to(deep)
        assert where.sockets.parent == Path("/tmp")  # noqa: S108
        assert stat.S_IMODE(where.sockets.stat().st_mode) == 0o700
        assert ask(where, "SELECT 1") == 1
    finally:
        embedded.stop(where)
        shutil.rmtree(where.sockets)


@pytest.mark.skipif(not AS_ROOT, reason="only root has an account to step down to")
def test_in_a_private_home_the_servers_data_lies_outside(var: Path):
    home = var / "home"
    home.mkdir(mode=0o700)
    where = embedded.start(embedded.place(home / "var"))
    try:
        assert where.home.parent == SYSTEM_STATE
        assert ask(where, "SELECT 1") == 1
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
        home.chmod(0o755)
        assert embedded.place(home / "var") == where
    finally:
        embedded.stop(where)
        shutil.rmtree(where.home)


@pytest.mark.skipif(not AS_ROOT, reason="only root has an account to step down to")
def test_root_steps_down(var: Path):
    where = embedded.start(embedded.place(var))
    for server in embedded.SERVERS:
        assert Path(f"/proc/{server.pid(where)}").stat().st_uid == where.account.uid != 0


def test_only_the_servers_account_reaches_sockets_and_data(var: Path):
    where = embedded.start(embedded.place(var))
    for directory in (where.sockets, where.postgres, where.redis):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_a_directory_planted_by_somebody_else_is_refused(var: Path):
    (var / "elsewhere").mkdir()
    (var / "planted").symlink_to(var / "elsewhere")
    with pytest.raises(embedded.EmbeddedError, match="belongs to somebody else"):
        make_private(var / "planted", None)


def test_a_server_that_cannot_start_says_why(var: Path):
    where = embedded.start(embedded.place(var))
    embedded.stop(where)
    with (where.postgres / "postgresql.conf").open("a") as conf:
        conf.write("shared_buffers = much\n")
    with pytest.raises(embedded.EmbeddedError, match="shared_buffers"):
        embedded.start(where)


def test_operators_settings_win_and_stay(var: Path):
    where = embedded.start(embedded.place(var))
    embedded.stop(where)
    with (where.postgres / "postgresql.conf").open("a") as conf:
        conf.write("work_mem = '5MB'\n")
    embedded.start(where)
    assert ask(where, "SHOW work_mem") == "5MB"


def test_a_full_disk_and_a_closed_one_are_put_in_words(var: Path):
    where = embedded.place(var)
    with pytest.raises(embedded.EmbeddedError, match="is full"), lifecycle.explained(where):
        raise OSError(28, "No space left on device")
    with pytest.raises(embedded.EmbeddedError, match="VAR="), lifecycle.explained(where):
        raise PermissionError(13, "Permission denied", "/closed")
    with pytest.raises(embedded.EmbeddedError, match="VAR="), lifecycle.explained(where):
        raise OSError(30, "Read-only file system", "/closed")


def test_secrets_are_made_once_and_for_their_owner_alone(tmp_path: Path):
    ensure_secrets(tmp_path)
    path = tmp_path / "secrets.env"
    first = path.read_text()
    ensure_secrets(tmp_path)
    assert path.read_text() == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
