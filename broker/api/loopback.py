"""Only for those who sit at this machine: refuses other addresses, and other names for this address.

A page of a foreign site can make a browser call 127.0.0.1, even under a name of its own (DNS rebinding); such a call
carries that name in Host, or says that it comes from another site.
"""

import re
from ipaddress import ip_address
from typing import Final

from broker.api.problems import known_problem
from broker.api.shield import Application, Receive, Scope, Send

_HERE: Final = re.compile(rb"(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?", re.ASCII)
_OWN_SITE: Final = frozenset({b"same-origin", b"none"})  # not sent by older browsers and other programs


class LoopbackOnly:
    """Wraps an ASGI application."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not _is_from_here(scope):
            await known_problem(421, "misdirected")(scope, receive, send)
        else:
            await self._application(scope, receive, send)


def _is_from_here(scope: Scope) -> bool:
    client = scope.get("client")
    if client is None or not ip_address(client[0]).is_loopback:
        return False
    hosts, sites, modes = (_values(scope, name) for name in (b"host", b"sec-fetch-site", b"sec-fetch-mode"))
    if len(hosts) != 1 or _HERE.fullmatch(hosts[0]) is None:
        return False
    # following a link shows nothing to who made the link
    return set(sites) <= _OWN_SITE or (scope["method"] == "GET" and modes == [b"navigate"])


def _values(scope: Scope, wanted: bytes) -> list[bytes]:
    return [value for name, value in scope["headers"] if name == wanted]
