"""Where an instance keeps its data and sockets, and which account its servers run as."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pwd
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

PROJECT = Path(__file__).resolve().parents[2]
DATABASE = "throughline"
# sun_path holds 107 bytes; the longest name put into the directory is ".s.PGSQL.5432.lock".
LONGEST_SOCKET_DIRECTORY = 85
SYSTEM_STATE = Path("/var/lib/throughline")


class EmbeddedError(Exception):
    """Something the person at the keyboard can put right; the message says how."""


@dataclass(frozen=True)
class Account:
    """The unprivileged account servers run as when root starts them."""

    name: str
    uid: int
    gid: int


class Identity(TypedDict, total=False):
    """The keywords by which subprocess changes the account."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class Place:
    """One instance: `var` is what the person named, `home` where the servers can write."""

    var: Path
    home: Path
    sockets: Path
    account: Account | None

    @property
    def postgres(self) -> Path:
        return self.home / "postgres"

    @property
    def redis(self) -> Path:
        return self.home / "redis"

    @property
    def logs(self) -> Path:
        return self.var / "log"

    @property
    def redis_socket(self) -> Path:
        return self.sockets / "redis.sock"

    @property
    def postgres_socket(self) -> Path:
        return self.sockets / ".s.PGSQL.5432"


def var_directory() -> Path:
    return Path(os.environ.get("THROUGHLINE_VAR") or PROJECT / "var").absolute()


def place(var: Path | None = None) -> Place:
    var = (var or var_directory()).absolute()
    account = server_account()
    home = server_home(var, account)
    return Place(var=var, home=home, sockets=socket_directory(home), account=account)


def postgres_url(where: Place | None = None, *, database: str = DATABASE) -> str:
    return f"postgresql://{DATABASE}@/{database}?host={(where or place()).sockets}"


def redis_url(where: Place | None = None) -> str:
    return f"redis+socket://{(where or place()).redis_socket}"


def server_account() -> Account | None:
    """None for an ordinary user. PostgreSQL refuses to run as root, so root steps down."""
    if os.geteuid() != 0:
        return None
    for name in (os.environ.get("THROUGHLINE_SERVER_ACCOUNT"), "postgres", "nobody"):
        with contextlib.suppress(KeyError):
            if name:
                entry = pwd.getpwnam(name)
                return Account(name=name, uid=entry.pw_uid, gid=entry.pw_gid)
    raise EmbeddedError(
        "PostgreSQL refuses to run as root and there is no account 'postgres' or 'nobody'. "
        "Name one in THROUGHLINE_SERVER_ACCOUNT, or run as an ordinary user."
    )


def identity(account: Account | None) -> Identity:
    if account is None:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


def may_enter(directory: Path, account: Account | None) -> bool:
    """Whether `account` can pass through every directory, as far as they exist yet."""
    return account is None or all(
        may_pass(step, account) for step in (directory, *directory.parents) if step.exists()
    )


def may_pass(directory: Path, account: Account) -> bool:
    status = directory.stat()
    if status.st_uid == account.uid:
        return bool(status.st_mode & 0o100)
    if status.st_gid == account.gid:
        return bool(status.st_mode & 0o010)
    return bool(status.st_mode & 0o001)


def server_home(var: Path, account: Account | None) -> Path:
    """`var` itself, or a directory outside when the server's account may not enter it.

    Opening a private home to everybody would be the other way, and not ours to choose. Once made,
    the choice is kept: permissions that change later must not make the data seem to vanish.
    """
    link = home_link(var)
    if link.is_symlink():
        return link.readlink()
    if (var / "postgres").exists() or may_enter(var, account):
        return var
    return SYSTEM_STATE / digest(var)


def home_link(var: Path) -> Path:
    return var / "servers"


def socket_directory(home: Path) -> Path:
    """Below the data, or a hashed name in /tmp when that path is too long for a socket."""
    wanted = home / "run"
    if len(os.fsencode(wanted)) <= LONGEST_SOCKET_DIRECTORY:
        return wanted
    return Path("/tmp") / f"throughline-{os.geteuid()}-{digest(home)}"  # noqa: S108  owner is checked


def digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]


def prepare(where: Place) -> None:
    """Make the directories; those of the servers belong to their account and to nobody else."""
    make_public(where.logs)
    make_public(where.home)
    if where.home != where.var and not home_link(where.var).is_symlink():
        home_link(where.var).symlink_to(where.home)
    for directory in (where.postgres, where.redis, where.sockets):
        make_private(directory, where.account)


def make_public(directory: Path) -> None:
    """Make what is missing so that others may pass, whatever the umask; leave the rest alone."""
    missing = [step for step in (directory, *directory.parents) if not step.exists()]
    for step in reversed(missing):
        step.mkdir(exist_ok=True)
        step.chmod(0o755)


def make_private(directory: Path, account: Account | None) -> None:
    """Make it, or make sure that the one found is no trap: /tmp is open to everybody."""
    owner = account.uid if account else os.geteuid()
    try:
        directory.mkdir(mode=0o700)
        if account:
            os.chown(directory, account.uid, account.gid)
    except FileExistsError:
        if directory.is_symlink() or directory.stat().st_uid != owner:
            raise EmbeddedError(
                f"{directory} belongs to somebody else. Remove it, run as the same user as "
                "before, or choose another directory: make run VAR=/some/dir"
            ) from None
