"""Free TCP ports on loopback, for servers that somebody else starts."""

import secrets
import socket
from pathlib import Path
from typing import Final

# Below the range from which the system takes the source ports of outgoing connections: a port from inside it can be
# gone, taken by any client of this machine, between our look and the server's start.
_LOWEST: Final = 20_000
_EPHEMERAL_START_USUAL: Final = 32_768  # Linux; BSD, macOS and Windows begin at 49,152
_EPHEMERAL_SETTING: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_TRIES_PER_PORT: Final = 200


class NoFreePortError(OSError):
    """No port could be had after many tries."""

    def __init__(self) -> None:
        super().__init__("Không tìm được cổng TCP trống. / No free TCP port was found.")


def free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    """``count`` different ports that nobody listens on at this moment.

    All are held together while they are chosen, so that they differ. Another program may still take one before it is
    used: whoever starts a server on it must look at the outcome. Raises NoFreePortError.
    """
    held: list[socket.socket] = []
    try:
        for _ in range(count):
            held.append(_bind_any(host))
        return [held_socket.getsockname()[1] for held_socket in held]
    finally:
        for held_socket in held:
            held_socket.close()


def _bind_any(host: str) -> socket.socket:
    width = max(_ephemeral_start() - _LOWEST, 1_000)
    for _ in range(_TRIES_PER_PORT):
        candidate = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            candidate.bind((host, _LOWEST + secrets.randbelow(width)))
        except OSError:
            candidate.close()
            continue
        return candidate
    raise NoFreePortError


def _ephemeral_start() -> int:
    try:
        return int(_EPHEMERAL_SETTING.read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return _EPHEMERAL_START_USUAL
