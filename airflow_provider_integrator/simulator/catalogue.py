"""The logs of one flow, indexed so that any page of them costs no more than its own length."""

from __future__ import annotations

import heapq
from bisect import insort
from collections import defaultdict
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

from airflow_provider_integrator.api.enums import LogType
from airflow_provider_integrator.simulator.records import Execution, Line, Log, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

Order = Literal["newest", "oldest", "shuffled"]
Item = TypeVar("Item", bound=Log)

# Above this many new items one sort is cheaper than inserting them one by one.
_FEW = 100


class _Sorted(Generic[Item]):
    """A sorted list that sorts in what was added only when somebody looks."""

    def __init__(self, key: Callable[[Item], tuple[float, int]], items: Iterable[Item]) -> None:
        self._key = key
        self._items: list[Item] = sorted(items, key=key)
        self._added: list[Item] = []

    def add(self, item: Item) -> None:
        self._added.append(item)

    def settled(self) -> list[Item]:
        if len(self._added) > _FEW:
            self._items = sorted(self._items + self._added, key=self._key)
        else:
            for item in self._added:
                insort(self._items, item, key=self._key)
        self._added.clear()
        return self._items


class Index(Generic[Item]):
    """Logs in every order that List logs can be asked to show."""

    def __init__(self, items: Iterable[Item] = ()) -> None:
        known = list(items)
        self._count = len(known)
        self._by_time: _Sorted[Item] = _Sorted(lambda item: item.by_time(), known)
        self._by_hash: _Sorted[Item] = _Sorted(lambda item: item.by_hash(), known)

    def __len__(self) -> int:
        """Count the logs.

        :return: How many there are.
        """
        return self._count

    def add(self, item: Item) -> None:
        """Add a log.

        :param item: The log.
        """
        self._count += 1
        self._by_time.add(item)
        self._by_hash.add(item)

    def page(self, order: Order, number: int, limit: int) -> Sequence[Item]:
        """Cut out one page.

        :param order: Which logs come first.
        :param number: The page's number, from 1.
        :param limit: Logs on a page.
        :return: The logs of that page, none past the end.
        """
        start, stop = (number - 1) * limit, number * limit
        if order == "shuffled":
            return self._by_hash.settled()[start:stop]
        items = self._by_time.settled()
        if order == "oldest":
            return items[start:stop]
        end = len(items) - start
        return items[max(end - limit, 0) : end][::-1] if end > 0 else []


class Catalogue:
    """All logs of one flow, and the ways in which List logs and Download log find them."""

    def __init__(self) -> None:
        self.by_number: dict[int, Log] = {}
        self._executions: Index[Log] = Index()
        self._lines: Index[Log] = Index()
        self._steps: Index[Log] | None = None
        self._lines_of: defaultdict[str, Index[Log]] = defaultdict(Index)
        self._lines_with: defaultdict[tuple[str, str], list[Line]] = defaultdict(list)
        self._by_id: dict[LogType, dict[str, Log]] = {kind: {} for kind in LogType}
        self._to_come: list[tuple[float, int, Execution]] = []

    def add_execution(self, execution: Execution) -> None:
        """Add an execution with its steps; it is shown once the clock has reached its creation.

        :param execution: The execution.
        """
        heapq.heappush(self._to_come, (*execution.by_time(), execution))

    def reveal(self, now: float) -> None:
        """Show the executions whose creation has been reached.

        :param now: Seconds since the epoch.
        """
        while self._to_come and self._to_come[0][0] <= now:
            execution = heapq.heappop(self._to_come)[-1]
            self._executions.add(execution)
            self._enter(LogType.MAIN, execution)
            for step in execution.steps:
                self._enter(LogType.SUB, step)
                if self._steps is not None:
                    self._steps.add(step)

    def add_line(self, line: Line) -> None:
        """Add a line log.

        :param line: The line.
        """
        self._enter(LogType.LINE, line)
        self._lines.add(line)
        self._lines_of[line.execution.id].add(line)
        for name, value in line.fields.items():
            self._lines_with[name, str(value)].append(line)

    def find(
        self,
        kind: LogType,
        filename_uuid: str | None = None,
        original_filename_uuid: str | None = None,
        search: Sequence[tuple[str, str]] = (),
    ) -> Index[Log]:
        """Find the logs that List logs is asked for.

        :param kind: Main, sub or line logs.
        :param filename_uuid: Only the log with this id.
        :param original_filename_uuid: Only logs of the execution with this id.
        :param search: Field names and values that a line must have, all of them.
        :return: The logs found.
        """
        if filename_uuid is not None:
            found = self._by_id[kind].get(filename_uuid)
            candidates = [found] if found is not None else []
            return Index(self._fitting(candidates, original_filename_uuid, search))
        if search:
            lines = min((self._lines_with.get(pair, []) for pair in search), key=len)
            return Index(self._fitting(lines, original_filename_uuid, search))
        if original_filename_uuid is not None:
            return self._of_execution(kind, original_filename_uuid)
        if kind is LogType.SUB:
            return self._all_steps()
        return self._executions if kind is LogType.MAIN else self._lines

    def _enter(self, kind: LogType, log: Log) -> None:
        self.by_number[log.number] = log
        self._by_id[kind][log.id] = log

    def _all_steps(self) -> Index[Log]:
        # Nearly nobody asks for the steps of all executions, so they are arranged when somebody first does.
        if self._steps is None:
            self._steps = Index(self._by_id[LogType.SUB].values())
        return self._steps

    def _of_execution(self, kind: LogType, execution_id: str) -> Index[Log]:
        if kind is LogType.LINE:
            return self._lines_of.get(execution_id, Index())
        execution = self._by_id[LogType.MAIN].get(execution_id)
        if not isinstance(execution, Execution):
            return Index()
        return Index(execution.steps if kind is LogType.SUB else [execution])

    @staticmethod
    def _fitting(
        logs: Iterable[Log], execution_id: str | None, search: Sequence[tuple[str, str]]
    ) -> Iterable[Log]:
        for log in logs:
            owner = log.execution.id if isinstance(log, (Step, Line)) else log.id
            fields = log.fields if isinstance(log, Line) else {}
            if execution_id in (None, owner) and all(
                name in fields and str(fields[name]) == value for name, value in search
            ):
                yield log
