"""The folder where this machine keeps what is its own: secrets and the embedded database."""

import os
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path

from runtime.errors import StartError

REPOSITORY = Path(__file__).resolve().parent.parent


def open_home() -> Path:
    """Return the home folder (`WAYBILL_HOME`, else `.waybill/` of the clone), made if need be."""
    folder = Path(os.environ.get("WAYBILL_HOME") or REPOSITORY / ".waybill").resolve()
    # Root's database server runs as another user, who must be able to pass through to its data.
    mode = 0o711 if os.geteuid() == 0 else 0o700
    try:
        folder.mkdir(mode=mode, parents=True, exist_ok=True)
        if folder.stat().st_mode & 0o777 != mode:
            folder.chmod(mode)
    except OSError as error:
        raise StartError(
            f"{folder} cannot be used ({error.strerror}): "
            "remove it, or set WAYBILL_HOME to a folder of your own."
        ) from error
    return folder


def make_secret() -> str:
    """Return 48 random bytes as text."""
    return secrets.token_urlsafe(48)


def load_secret(path: Path, make: Callable[[], str] = make_secret) -> str:
    """Return the secret kept in a file only its owner can read, made on first use."""
    if not path.exists():
        _store_once(path, make())
    return path.read_text().strip()


def _store_once(path: Path, secret: str) -> None:
    """Write the whole file or nothing; of two processes at once the first one wins."""
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secret + "\n")
        Path(path).hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        Path(draft).unlink()
