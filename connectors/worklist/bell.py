"""When a board rings: once for each emergency that nobody here has looked at, and never for what is still being read.

The script of the page follows the same law (``static/worklist.js``).
"""

from collections.abc import Mapping
from typing import Any


class Bell:
    """One listener's memory.

    What was taken in while the inbox is read up to its head rings when the head is reached, if it is still open then.
    Once the head was reached on a connection, a later gap in the numbers does not silence the bell.
    """

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._armed_for: str | None = None  # the connection (its beginning) on which the head was reached

    def hear(self, board: Mapping[str, Any]) -> list[str]:
        """The emergencies of a board (``board.board``) that ring now; each rings once."""
        link = board["link"]
        if link["caught_up"]:
            self._armed_for = link["since"]
        if self._armed_for is None or self._armed_for != link["since"]:
            return []
        new = [key for key in board["ringing"] if key not in self._known]
        self._known.update(new)
        return new
