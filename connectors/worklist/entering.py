"""Who may see the hospital's pages.

The control secret, which only the owner of the data folder can read, is shown once (``/enter?key=``) and becomes a
cookie for this browser; the cookie is derived from the secret, so it ends with the process. Other programs on this
machine share our host name but not our port: a form is taken only from a page of our own origin.
"""

import hashlib
import hmac
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

_PURPOSE: Final = b"lienvien hospital pages 1"
_OUR_NAMES: Final = frozenset({"127.0.0.1", "localhost", "::1"})


class Entrance:
    """The door of one run. ``facility`` is in the cookie's name: several hospitals of a trial share one host."""

    def __init__(self, secret: str, facility: str) -> None:
        self._secret = secret
        self._token = hmac.new(secret.encode(), _PURPOSE, hashlib.sha256).hexdigest()
        self.cookie: Final = f"lienvien_pages_{facility}"

    def is_key(self, text: str) -> bool:
        """True for the control secret."""
        return hmac.compare_digest(text.encode(), self._secret.encode())

    def let_in(self, response: Response) -> None:
        """Give the browser its cookie, for as long as the browser runs."""
        response.set_cookie(self.cookie, self._token, httponly=True, samesite="strict", path="/")

    def knows(self, request: Request) -> bool:
        """True for a browser that was let in, which asks us under a name of this machine."""
        given = request.cookies.get(self.cookie, "")
        return is_local(request) and hmac.compare_digest(given.encode(), self._token.encode())


def is_local(request: Request) -> bool:
    """False when the browser was led here under a foreign name."""
    return urlsplit(f"//{request.headers.get('host', '')}").hostname in _OUR_NAMES


def from_our_page(request: Request) -> bool:
    """True when a form was sent by a page of this very origin, host and port alike."""
    return request.headers.get("origin") == f"http://{request.headers.get('host', '')}"
