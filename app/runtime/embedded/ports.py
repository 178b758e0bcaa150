"""Ports of the embedded servers, on loopback only."""

import random
import socket

from app.errors import SetupError

HOST = "127.0.0.1"
FREE_PORTS = range(15_000, 32_000)
"""Below the ports systems give to outgoing connections: a client that retries one of those while
its server is down ends up connected to itself, and the server can never have the port back."""


def choose_port(port: int, server: str, option: str) -> int:
    """`port` if it is free, any free one for 0. SetupError names a taken one."""
    if port != 0:
        if not is_free(port):
            raise SetupError(
                f"port {port} on {HOST}, wanted for {server}, is taken: stop what listens there, "
                f"or give another {option} (0 picks a free one)"
            )
        return port
    for candidate in random.sample(FREE_PORTS, 200):
        if is_free(candidate):
            return candidate
    raise SetupError(f"no free port for {server} between {FREE_PORTS[0]} and {FREE_PORTS[-1]}")


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True
