import errno
import socket

from runtime.errors import StartError


def check_free(host: str, port: int) -> None:
    """Refuse an address that a server could not listen at.

    granian's workers share their port by SO_REUSEPORT: without this check two servers of one user
    would both start, and each would get some of the requests.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise StartError(f"Port {port} is in use: choose another one (PORT=8001).") from error
        raise StartError(f"Cannot listen at {host}:{port}: {error.strerror}.") from error
