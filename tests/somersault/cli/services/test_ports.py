"""Ports that services can keep."""

from __future__ import annotations

import socket

from somersault.cli.services import ports


def test_chosen_ports_differ_and_are_free() -> None:
    """Each service gets its own."""
    chosen = ports.choose_ports(20)
    assert len(set(chosen)) == 20
    assert all(ports.is_free(port) for port in chosen)


def test_chosen_ports_are_not_those_of_outgoing_connections() -> None:
    """A client that dials a dead service must not be given the service's port."""
    first, last = ports._RANGE_FILE.read_text().split()
    assert not set(ports.choose_ports(50)) & set(range(int(first), int(last) + 1))


def test_port_that_is_listened_on_is_not_free() -> None:
    """A busy port is seen."""
    with socket.socket() as listener:
        listener.bind((ports.LOOPBACK, 0))
        listener.listen()
        assert not ports.is_free(listener.getsockname()[1])


def test_port_is_free_again_after_its_listener_has_gone() -> None:
    """Connections in TIME_WAIT keep nobody away."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((ports.LOOPBACK, 0))
        listener.listen()
        address = listener.getsockname()
        with socket.create_connection(address):
            listener.accept()[0].close()
    assert ports.is_free(address[1])
