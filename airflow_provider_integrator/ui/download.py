"""A log's decoded JSON, streamed to the browser."""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from typing import IO, TYPE_CHECKING, Any

from starlette.responses import StreamingResponse

from airflow_provider_integrator.logs.disk import disk_faults

if TYPE_CHECKING:
    from airflow_provider_integrator.ui.source import Source

_CHUNK = 256 * 1024


class LogDownload(StreamingResponse):
    """A whole and checked log. Its file, which has no name, is closed when the answer ends, however it ends.

    :param file: The file, at its beginning.
    :param name: The name that the browser saves it under.
    :param size: Its size in bytes.
    """

    def __init__(self, file: IO[bytes], name: str, size: int) -> None:
        self._file = file
        headers = {"content-disposition": f'attachment; filename="{name}"', "content-length": str(size)}
        super().__init__(_chunks(file), media_type="application/json", headers=headers)

    @classmethod
    def of(
        cls, source: Source, connection_id: str, project_id: str, flow_id: str, log_id: str
    ) -> LogDownload:
        """Download a log, decode and check it.

        :param source: What is asked of the Integrator.
        :param connection_id: The Airflow connection.
        :param project_id: The project.
        :param flow_id: The flow.
        :param log_id: The log.
        :return: The answer.
        """
        with ExitStack() as stack:
            archive = stack.enter_context(source.log(connection_id, project_id, flow_id, log_id))
            with disk_faults(archive.needs):
                file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by the answer
                stack.push(lambda kind, *_: file.close() if kind is not None else None)
                size = archive.write(file, beside_loop=True).bytes
                file.seek(0)
        name = "".join(
            each if each.isascii() and (each.isalnum() or each in "-_") else "_" for each in log_id
        )
        return cls(file, f"log-{name[:100]}.json", size)

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


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK):
        yield chunk
