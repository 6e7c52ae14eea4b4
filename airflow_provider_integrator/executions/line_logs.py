"""The logs of lines: downloaded several at once, kept in the lines' order, and not again after a kill."""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass
from itertools import islice
from queue import SimpleQueue
from typing import TYPE_CHECKING

from airflow_provider_integrator.exceptions import LogArchiveError, RequestError
from airflow_provider_integrator.executions.line_spool import END, ERROR, LINE, LOG, PENDING, Entry, Spool
from airflow_provider_integrator.executions.lines import line_json
from airflow_provider_integrator.executions.progress import Rate
from airflow_provider_integrator.logs.json_lines import decode, encode

if TYPE_CHECKING:
    from airflow_provider_integrator.api.client import Client
    from airflow_provider_integrator.api.endpoints import Script
    from airflow_provider_integrator.executions.lines import Allowance, LineList
    from airflow_provider_integrator.hooks.integrator import IntegratorHook
    from airflow_provider_integrator.logs.archive import LogArchive
    from airflow_provider_integrator.logs.journal import Journal

log = logging.getLogger(__name__)

#: Seconds after which a cancellation is seen though no download ends.
_LOOK = 0.5
#: Seconds for which a failed try waits for the downloads under way.
_GRACE = 5.0
_NO_ID = "The line has no id that can be read, so its log can't be downloaded."
#: Bytes that a log or an error takes in its line besides its JSON.
_NAMES = len(',"log":,"log_error":null')


class Downloads:
    """Downloads of lines' logs by several threads, each with a client of its own.

    :param hook: The hook.
    :param script: Makes the script that downloads the log of an id.
    :param concurrency: The number of threads.
    """

    def __init__(
        self, hook: IntegratorHook, script: Callable[[str], Script[LogArchive]], concurrency: int
    ) -> None:
        self.concurrency = concurrency
        self._script = script
        self._clients: list[Client] = [hook.make_client() for _ in range(concurrency)]
        self._idle: SimpleQueue[Client] = SimpleQueue()
        for client in self._clients:
            self._idle.put(client)

    def close(self) -> None:
        """Close all connections."""
        for client in self._clients:
            client.close()

    def fetch(self, at: int, log_id: str) -> Entry:
        """Download and decode a log.

        :param at: The line's number.
        :param log_id: The log.
        :return: The log, or why it can't be had.
        :raises IntegratorError: No log can be had now.
        """
        client = self._idle.get()
        try:
            with client.run(self._script(log_id)) as archive:
                return Entry(at, LOG, encode(archive.load()))
        except RequestError as error:
            return _error(at, str(error), PENDING if error.status in (400, 404) else ERROR)
        except LogArchiveError as error:
            return _error(at, str(error))
        except RecursionError:
            return _error(at, "The log is nested too deeply.")
        finally:
            self._idle.put(client)


@dataclass
class LineLogs:
    """The wanted lines with their logs.

    :param lines: The lines.
    :param allowance: How much of them is taken.
    :param downloads: Downloads the logs.
    :param spool: Where they are put.
    :param journal: What survives a kill; None: nothing does.
    :param until: When a refused log isn't tried again, in seconds since the epoch.
    :param pause: Seconds until refused logs are tried again.
    :param check_cancelled: Called often; what it raises is raised here.
    """

    lines: LineList
    allowance: Allowance
    downloads: Downloads
    spool: Spool
    journal: Journal | None
    until: float
    pause: float
    check_cancelled: Callable[[], None]

    def records(self) -> Iterator[bytes]:
        """Read the lines, download their logs, and give out both.

        :return: The JSON of each line, in their order.
        :raises ConfigurationError: There is more of them than is taken.
        :raises IntegratorError: A call failed, and a retry of the task may succeed.
        """
        if not self._resume():
            self._read_lines()
        rate = Rate("logs fetched", len(self.spool), len(self.spool) - self.spool.left)
        while left := self._fetch(rate):
            seconds = max(0.0, min(self.pause, self.until - time.time()))
            log.info("%d logs aren't available yet. Next attempt in %.0f s.", left, seconds)
            self._sleep(seconds)
        for record, has_log in self.spool.records():
            self.lines.logs_missing += not has_log
            yield record

    def _resume(self) -> bool:
        """Take over what an earlier try has fetched.

        :return: Whether it had read all lines.
        """
        for text in self.journal.entries() if self.journal else ():
            entry = self.spool.restore(text)
            if entry is None or entry.kind == END:
                continue
            if entry.kind == LINE:
                if entry.at == 0:
                    self.allowance.clear()
                self.allowance.take_line(len(entry.json))
            else:
                self.allowance.take(len(entry.json) + _NAMES)
        if self.spool.end is None:
            self.spool.clear()
            return False
        self.lines.counts.update(self.spool.end)
        lines = len(self.spool)
        log.info("An earlier try has fetched %d of %d logs.", lines - self.spool.left, lines)
        return True

    def _read_lines(self) -> None:
        self.allowance.clear()
        for at, line in enumerate(self.lines):
            self.check_cancelled()
            text = line_json(line)
            self.allowance.take_line(len(text))
            self.spool.add(Entry(at, LINE, text))
            if line.log_id is None:
                self.spool.add(_error(at, _NO_ID))
        self.spool.add(Entry(len(self.spool), END, encode(self.lines.counts)))
        if self.journal is not None:
            self.journal.remove()
            self.journal.append(self.spool.file)

    def _fetch(self, rate: Rate) -> int:
        """Download the logs that are missing.

        :return: How many of them may be stored later.
        """
        numbers, running = self.spool.missing(), set[Future[Entry]]()
        # Where additions to the journal are slow, as many again wait for a thread, so that no thread waits for this one.
        # Elsewhere none does: a kill costs what is under way, and no more.
        is_slow = self.journal is not None and self.journal.is_slow
        at_once = self.downloads.concurrency * (2 if is_slow else 1)
        # Not a with statement, whose end waits for the threads however long an Integrator hangs.
        pool = ThreadPoolExecutor(self.downloads.concurrency, "integrator-log")
        try:
            while True:
                for at in islice(numbers, at_once - len(running)):
                    log_id = decode(self.spool.line(at))["id"]
                    # In the task's context, so that the spans of its requests belong to the task's.
                    running.add(pool.submit(copy_context().run, self.downloads.fetch, at, log_id))
                if not running:
                    return self.spool.left
                done, running = wait(running, _LOOK, FIRST_COMPLETED)
                self.check_cancelled()
                rate.add(self._keep(done))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            # A cancelled one never counts as done.
            wait([each for each in running if not each.cancelled()], _GRACE)

    def _keep(self, done: Iterable[Future[Entry]]) -> int:
        """Put what was downloaded into the spool and the journal, before an error among it is raised."""
        entries, errors, kept = io.BytesIO(), [], 0
        for each in done:
            if (error := each.exception()) is not None:
                errors.append(error)
                continue
            entry = each.result()
            if entry.kind == PENDING:
                if time.time() < self.until:
                    continue
                entry = entry._replace(kind=ERROR)
            self.allowance.take(len(entry.json) + _NAMES)
            entries.write(self.spool.add(entry))
            kept += 1
        if kept and self.journal is not None:
            self.journal.append(entries)
        if errors:
            raise errors[0]
        return kept

    def _sleep(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.check_cancelled()
            time.sleep(min(left, _LOOK))


def _error(at: int, reason: str, kind: bytes = ERROR) -> Entry:
    return Entry(at, kind, encode(reason))
