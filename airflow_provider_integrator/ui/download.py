"""A log's decoded JSON, streamed to the browser."""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.responses import StreamingResponse

from airflow_provider_integrator.logs.disk import temporary_file

if TYPE_CHECKING:
    from airflow_provider_integrator.logs.archive import LogArchive

_CHUNK = 256 * 1024


class LogDownload(StreamingResponse):
    """A whole and checked log. Its file, which has no name, is closed when the answer ends, however it ends.

    :param archive: The downloaded log.
    :param log_id: Its id, of which the browser makes a name.
    """

    def __init__(self, archive: LogArchive, log_id: str) -> None:
        with temporary_file(archive.needs) as file:
            size = archive.write(file, beside_loop=True).bytes
            self._file = os.fdopen(os.dup(file.fileno()), "rb")
        self._file.seek(0)
        name = re.sub(r"[^A-Za-z0-9_-]", "_", log_id)[:100]
        super().__init__(
            iter(partial(self._file.read, _CHUNK), b""),
            media_type="application/json",
            headers={
                "content-disposition": f'attachment; filename="log-{name}.json"',
                "content-length": str(size),
            },
        )

    async def __call__(
        self,
        scope: Any,
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Any], Awaitable[None]],
    ) -> None:
        """Send the answer, and close the file."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._file.close()
