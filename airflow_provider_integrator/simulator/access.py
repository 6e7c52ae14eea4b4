"""Who may ask: credentials, and the tokens they are exchanged for."""

from __future__ import annotations

import secrets
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Access:
    """The accepted credentials and the tokens that are good right now."""

    def __init__(self, username: str, password: str, clock: Callable[[], float]) -> None:
        self.username = username
        self.password = password
        self.token_lifetime: float | None = None
        self.logins = 0
        self._clock = clock
        self._lock = threading.Lock()
        self._since: dict[str, float] = {}
        self._issued: list[str] = []

    @property
    def issued(self) -> list[str]:
        """All tokens that were ever given out, the oldest first."""
        with self._lock:
            return list(self._issued)

    def issue(self) -> str:
        """Make a token.

        :return: An opaque text.
        """
        token = f"simulated-{secrets.token_urlsafe(32)}"
        with self._lock:
            self._issued.append(token)
            self._since[token] = self._clock()
        return token

    def accept(self, token: str) -> None:
        """Accept a token that nobody logged in for, from now on.

        :param token: The token.
        """
        with self._lock:
            self._since[token] = self._clock()

    def expire(self) -> None:
        """Refuse all tokens known so far."""
        with self._lock:
            self._since.clear()

    def is_good(self, token: str) -> bool:
        """Check a token.

        :param token: The token.
        :return: Whether it was issued or accepted and hasn't expired.
        """
        with self._lock:
            since = self._since.get(token)
            return since is not None and (
                self.token_lifetime is None or self._clock() < since + self.token_lifetime
            )
