import socket

import pytest

from runtime import ports
from runtime.errors import StartError


def test_a_free_port_is_fine():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    ports.check_free("127.0.0.1", port)


def test_a_port_in_use_is_refused_even_if_it_would_be_shared():
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StartError, match=f"Port {port} is in use"):
            ports.check_free("127.0.0.1", port)


def test_an_address_of_another_machine_is_refused():
    with pytest.raises(StartError, match=r"Cannot listen at 192\.0\.2\.1:8000"):
        ports.check_free("192.0.2.1", 8000)
