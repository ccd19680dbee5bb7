"""One PostgreSQL server on one data folder: made, started, found again and stopped.

Callers take turns; `embedded_postgres` sees to that.
"""

import os
import secrets
import shutil
import signal
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

import psycopg

from runtime import postgres_binaries, processes
from runtime.errors import StartError
from runtime.postgres_place import Place

ROLE = DATABASE = "waybill"
SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "unix_socket_permissions": "0700",
}
# For tests, whose data nobody misses after a power cut.
UNSAFE_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
START_SECONDS = 120
LARGEST_LOG = 10_000_000
# A fast shutdown, then one without a checkpoint (recovery makes up for it), then the kernel's.
STOP_SIGNALS = ((signal.SIGINT, 30), (signal.SIGQUIT, 5), (signal.SIGKILL, 5))


class PostgresServer:
    def __init__(self, place: Place) -> None:
        self.place = place
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """A URL that both libpq and django-environ understand."""
        return self._url_of(DATABASE)

    def is_running(self) -> bool:
        return self._find_pid() is not None

    def bring_up(self) -> None:
        """Return when the server answers, whatever state it was found in."""
        if not self.place.data.exists():
            self._make_data()
        self._check_data()
        launched = False
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if not self.is_running():
                if launched:
                    raise StartError(self._explain_failure())
                self._launch()
                launched = True
            if time.monotonic() > deadline:
                raise StartError(self._explain_failure())
            time.sleep(0.02)

    def shut_down(self) -> None:
        pid = self._find_pid()
        if pid:
            processes.end(pid, STOP_SIGNALS)
        if self._process:
            self._process.wait()
            self._process = None

    def _url_of(self, database: str) -> str:
        folder = quote(str(self.place.socket_folder), safe="")
        password = self.place.password_file.read_text()
        return f"postgres://{ROLE}:{password}@/{database}?host={folder}"

    @property
    def _title(self) -> str:
        """What `ps` shows the server's processes as: a way to know them without their parent."""
        return f"waybill-{self.place.fingerprint}"

    def _find_pid(self) -> int | None:
        """Return the pid of the server, if that process really is one on this data folder."""
        pid = self._read_pid()
        command = processes.read_command(pid) if pid else []
        ours = command[1:3] == ["-D", str(self.place.data)]
        return pid if ours and Path(command[0]).name == "postgres" else None

    def _read_pid(self) -> int | None:
        if self._process and self._process.poll() is None:
            return self._process.pid
        try:
            return int((self.place.data / "postmaster.pid").read_text().split("\n")[0])
        except (FileNotFoundError, ValueError):
            return None

    def _answers(self) -> bool:
        """Tell whether the server takes connections, and see to it that the database exists."""
        try:
            with psycopg.connect(
                self._url_of("postgres"), autocommit=True, connect_timeout=5
            ) as connection:
                query = "SELECT 1 FROM pg_database WHERE datname = %s"
                if not connection.execute(query, [DATABASE]).fetchone():
                    connection.execute(f"CREATE DATABASE {DATABASE}")
        except psycopg.OperationalError:
            return False
        return True

    def _make_data(self) -> None:
        """Run initdb beside the final folder, which therefore is complete once it exists."""
        draft = self.place.folder / "data.draft"
        shutil.rmtree(draft, ignore_errors=True)  # of an initdb that was killed
        draft.mkdir(mode=0o700)
        password = secrets.token_urlsafe(24)
        password_draft = self.place.folder / "password.draft"
        for path in (self.place.password_file, password_draft):
            path.unlink(missing_ok=True)
            path.touch(mode=0o600)
            path.write_text(password)
        self.place.give(draft)
        self.place.give(password_draft)
        self._run_initdb(draft, password_draft)
        password_draft.unlink()
        draft.rename(self.place.data)

    def _run_initdb(self, folder: Path, password_file: Path) -> None:
        command: list[str | Path] = [
            postgres_binaries.find_binaries(self.place) / "initdb",
            f"--pgdata={folder}",
            f"--username={ROLE}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
        ]
        if _is_unsafe():
            command.append("--no-sync")
        made = subprocess.run(  # noqa: S603 (our own program)
            command,
            capture_output=True,
            text=True,
            cwd="/",
            start_new_session=True,
            check=False,
            **self.place.popen_options(),
        )
        if made.returncode:
            raise StartError(f"The embedded PostgreSQL cannot be set up: {made.stderr.strip()}")

    def _check_data(self) -> None:
        data = self.place.data
        try:
            found = (data / "PG_VERSION").read_text().strip()
        except OSError as error:
            raise StartError(f"{data} is no data of a PostgreSQL: {error.strerror}.") from error
        wanted = postgres_binaries.get_major_version()
        if found != wanted:
            raise StartError(
                f"{data} was made by PostgreSQL {found}, and the installed one is {wanted}: "
                f"install the former, or move the folder away."
            )
        if self.place.account and not data.stat().st_uid:
            # A copy that root made of a clone belongs to root.
            for path in (data, *data.rglob("*")):
                self.place.give(path)

    def _launch(self) -> None:
        self.place.open_socket_folder()
        self._clear_remains()
        socket_folder = str(self.place.socket_folder).replace('"', '""')
        settings = {
            **SETTINGS,
            **(UNSAFE_SETTINGS if _is_unsafe() else {}),
            "cluster_name": self._title,
            "unix_socket_directories": f'"{socket_folder}"',
        }
        full = self.place.log.exists() and self.place.log.stat().st_size > LARGEST_LOG
        with self.place.log.open("wb" if full else "ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 (our own program)
                [
                    postgres_binaries.find_binaries(self.place) / "postgres",
                    *("-D", self.place.data),
                    *(f"--{name}={value}" for name, value in settings.items()),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,  # out of reach of the terminal's Ctrl-C
                umask=0o077,
                **self.place.popen_options(),
            )

    def _clear_remains(self) -> None:
        """End what is left of a server that was killed: nothing may touch the data beside us.

        With all of it gone its lock files say nothing any more: the pid in them may be a
        stranger's by now, or a zombie's.
        """
        for pid in processes.find_titled(f"postgres: {self._title}: "):
            processes.end(pid, [(signal.SIGKILL, 5)])
        (self.place.data / "postmaster.pid").unlink(missing_ok=True)
        for file in self.place.socket_folder.glob(".s.PGSQL.*"):
            file.unlink()

    def _explain_failure(self) -> str:
        lines = self.place.log.read_text(errors="replace").splitlines() or [""]
        return f"The embedded PostgreSQL does not start (see {self.place.log}): {lines[-1]}"


def _is_unsafe() -> bool:
    return os.environ.get("WAYBILL_POSTGRES_FSYNC") == "off"
