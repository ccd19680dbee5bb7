"""Where the files of the embedded PostgreSQL are, and which user its server runs as."""

import hashlib
import os
import pwd
import stat
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runtime.errors import StartError

SYSTEM_FOLDERS = (Path("/var/lib"), Path("/var/tmp"))  # noqa: S108 (made by mkdtemp, root's own)
# The kernel allows 107 bytes for the address of a unix socket; the file name takes 14 of them.
LONGEST_SOCKET_FOLDER = 90


@dataclass(frozen=True)
class Account:
    """An unprivileged user: PostgreSQL refuses to run as root."""

    uid: int
    gid: int

    @classmethod
    def find_nobody(cls) -> "Account":
        """Return the one unprivileged user that exists everywhere."""
        nobody = pwd.getpwnam("nobody")
        return cls(nobody.pw_uid, nobody.pw_gid)

    def popen_options(self) -> dict[str, Any]:
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def can_enter(self, folder: Path) -> bool:
        return all(self._can_pass(step.stat()) for step in (folder, *folder.parents))

    def _can_pass(self, step: os.stat_result) -> bool:
        if step.st_uid == self.uid:
            return bool(step.st_mode & stat.S_IXUSR)
        if step.st_gid == self.gid:
            return bool(step.st_mode & stat.S_IXGRP)
        return bool(step.st_mode & stat.S_IXOTH)

    def take(self, path: Path) -> None:
        os.chown(path, self.uid, self.gid, follow_symlinks=False)


@dataclass(frozen=True)
class Place:
    """A folder with everything that belongs to one server."""

    folder: Path
    account: Account | None

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def password_file(self) -> Path:
        return self.folder / "password"

    @property
    def log(self) -> Path:
        return self.folder / "postgres.log"

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(bytes(self.data)).hexdigest()[:12]

    @property
    def socket_folder(self) -> Path:
        if len(bytes(self.data)) <= LONGEST_SOCKET_FOLDER:
            return self.data
        return Path("/tmp") / f"waybill-{self.fingerprint}"  # noqa: S108 (owner checked on open)

    def popen_options(self) -> dict[str, Any]:
        return self.account.popen_options() if self.account else {}

    def give(self, path: Path) -> None:
        """Make the server's user the owner of a file."""
        if self.account:
            self.account.take(path)

    def open_socket_folder(self) -> None:
        """Make the folder of the socket, and refuse one that a stranger made first."""
        folder = self.socket_folder
        if folder == self.data:
            return
        owner = self.account.uid if self.account else os.geteuid()
        try:
            folder.mkdir(mode=0o700)
            self.give(folder)
        except FileExistsError:
            pass
        found = folder.lstat()
        private = stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o077
        if not private or found.st_uid != owner:
            raise StartError(f"{folder} belongs to somebody else: remove it.")


def find_place(home: Path) -> Place:
    """Return the place that goes with a home folder, made if need be."""
    account = _account_for(home) if os.geteuid() == 0 else None
    folder = _folder_for(home, account)
    mode = 0o711 if account else 0o700
    folder.mkdir(mode=mode, exist_ok=True)
    folder.chmod(mode)
    return Place(folder, account)


def _account_for(home: Path) -> Account:
    """Return whom root runs the server as: who ran it before, else `nobody`."""
    data = home / "postgres" / "data"
    if data.exists() and data.stat().st_uid:
        return Account(data.stat().st_uid, data.stat().st_gid)
    return Account.find_nobody()


def _folder_for(home: Path, account: Account | None) -> Path:
    inside = home / "postgres"
    if account is None or inside.exists():
        return inside
    pointer = home / "postgres.location"
    if pointer.exists() and _still_belongs(Path(pointer.read_text()), home):
        return Path(pointer.read_text())
    if account.can_enter(home):
        return inside
    return _make_system_folder(home, pointer)


def _still_belongs(folder: Path, home: Path) -> bool:
    """Tell a home that was moved, which keeps its database, from a copy, which gets its own."""
    note = folder / "home"
    if not note.exists():
        return False
    owner = Path(note.read_text())
    if owner != home and (owner / "postgres.location").exists():
        return False
    note.write_text(str(home))
    return True


def _make_system_folder(home: Path, pointer: Path) -> Path:
    """Make a folder outside of a home that the server's user cannot reach (as under /root)."""
    parent = next(folder for folder in SYSTEM_FOLDERS if os.access(folder, os.W_OK))
    folder = Path(tempfile.mkdtemp(prefix="waybill-", dir=parent))
    (folder / "home").write_text(str(home))
    pointer.write_text(str(folder))
    sys.stderr.write(
        f"The database is kept in {folder}: its server may not run as root, "
        f"and other users cannot reach {home}.\n"
    )
    return folder
