"""What a test adds to the world: projects, flows, executions and lines, with defaults for what it leaves out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_integrator.api.enums import State, Status
from airflow_provider_integrator.simulator.records import Counts, Execution, Flow, Line, Project
from airflow_provider_integrator.simulator.world import World, stable_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

# Rows of an execution without given counts, of a flow with a fail rate.
_USUAL_ROWS = 100


class WorldBuilder:
    """The half of :class:`IntegratorSimulator` that fills the world. May be called while it serves.

    :param clock: The time in seconds since the epoch.
    :param seed: Makes the ids of executions the same in every run.
    """

    def __init__(self, clock: Callable[[], float], seed: int | None) -> None:
        self._clock = clock
        self._world = World(clock, seed)

    @property
    def projects(self) -> list[Project]:
        """All projects in the order in which they were added."""
        with self._world.lock:
            return list(self._world.projects.values())

    @property
    def flows(self) -> list[Flow]:
        """All flows of all projects in the order in which they were added."""
        with self._world.lock:
            return list(self._world.flows.values())

    def add_project(
        self, name: str, *, slug: str | None = None, partner_id: str = "partner-1", id: str | None = None
    ) -> Project:
        """Add a project.

        :param name: Its name.
        :param slug: Its slug, made from the name by default.
        :param partner_id: The partner it belongs to.
        :param id: Its id, derived from partner and name by default.
        :return: The project.
        :raises ValueError: If the id is taken.
        """
        project_id = id or stable_id(partner_id, name)
        return self._world.add_project(
            Project(project_id, slug or _slug(name, "-"), name, partner_id, self._clock())
        )

    def add_flow(
        self,
        project: Project,
        name: str,
        *,
        slug: str | None = None,
        inbound: bool = True,
        outbound: bool = False,
        state: str = "RUNNING",
        type: str | None = None,
        scheduling_strategy: str = "CRON_DRIVEN",
        scheduling_period: str = "0 0,30 * * * ? *",
        variables: Mapping[str, str] | None = None,
        fail_rate: float | None = None,
        id: str | None = None,
    ) -> Flow:
        """Add a flow.

        :param project: Its project.
        :param name: Its name, unique in the project, of at most 20 characters.
        :param slug: Its slug, made from the name by default; may be another flow's too.
        :param inbound: Whether it runs by itself.
        :param outbound: Whether rows are posted to it.
        :param state: ``RUNNING`` or ``STOPPED``.
        :param type: Its type, such as ``Product``; the name by default.
        :param scheduling_strategy: As List flows shows it.
        :param scheduling_period: A Quartz cron of 7 fields, seconds first.
        :param variables: Further variables for List flows.
        :param fail_rate: The share of its rows that fail, 0 to 1, in executions without a given ``fail_count`` and
            in lines without a given status; None: those of a Failed execution alone.
        :param id: Its id, derived from project and name by default.
        :return: The flow.
        :raises ValueError: If id or name is taken, the name too long, or the rate out of range.
        """
        if fail_rate is not None and not 0 <= fail_rate <= 1:
            raise ValueError(f"fail_rate is a share from 0 to 1, not {fail_rate}")
        return self._world.add_flow(
            Flow(
                id=id or stable_id(project.id, name),
                slug=slug or _slug(name, "_"),
                name=name,
                project=project,
                type=type or name,
                inbound=inbound,
                outbound=outbound,
                state=state,
                scheduling_strategy=scheduling_strategy,
                scheduling_period=scheduling_period,
                variables=dict(variables or {}),
                fail_rate=fail_rate,
            )
        )

    def delete_flow(self, flow: Flow) -> None:
        """Delete a flow with its executions: calls for it are refused with 400.

        :param flow: The flow.
        """
        self._world.delete_flow(flow)

    def add_execution(
        self,
        flow: Flow,
        *,
        status: int = Status.SUCCESS,
        lasts: float | None = None,
        created: datetime | None = None,
        process_count: int | None = None,
        success_count: int | None = None,
        fail_count: int | None = None,
        log: object = None,
        steps: Sequence[str | Mapping[str, Any]] | None = None,
        state: State = State.IN_PROGRESS,
        is_triggered: bool = False,
        triggered_by: str = "System",
        id: str | None = None,
    ) -> Execution:
        """Add an execution.

        :param flow: Whose run it is.
        :param status: How it goes in the end; a number that ``Status`` doesn't know is shown as it is.
        :param lasts: None: unfinished until :meth:`finish`; 0: finished at once; otherwise seconds by the
            clock from creation to the end, at Start in the first half and In Progress in the second.
        :param created: When it was created, with an offset; now by default. It shows up once that
            moment has come.
        :param process_count: Rows processed; the counts that aren't given follow from the others and the
            status.
        :param success_count: Rows that went well.
        :param fail_count: Rows that failed.
        :param log: What Download log gives: bytes as they are, a ``BigLog``, or anything that JSON can hold;
            a believable log by default.
        :param steps: Names of its steps, or mappings with ``name``, and if wanted ``slug``, ``status``,
            ``log``, ``process_count``, ``success_count``, ``fail_count``; login, read data and write data by
            default.
        :param state: The state it is held at while ``lasts`` is None.
        :param is_triggered: Whether a user started it.
        :param triggered_by: The user's e-mail address, or System.
        :param id: The execution id (``filename_uuid``), a new UUID by default.
        :return: The execution.
        :raises ValueError: If the id is taken, ``created`` has no offset, or a step has an unknown key.
        """
        return self._world.add_execution(
            flow,
            status=status,
            lasts=lasts,
            created=created,
            counts=Counts.filled(status, *_counts(flow, process_count, success_count, fail_count)),
            steps=steps,
            log=log,
            state=state,
            is_triggered=is_triggered,
            triggered_by=triggered_by,
            id=id,
        )

    def finish(
        self,
        execution: Execution | str,
        *,
        status: int | None = None,
        process_count: int | None = None,
        success_count: int | None = None,
        fail_count: int | None = None,
        log: object = None,
    ) -> Execution:
        """Finish an execution now.

        :param execution: The execution or its id.
        :param status: How it went; by default the status with which it was added.
        :param process_count: Rows processed; without any count those of :meth:`add_execution` stay, unless
            the status changes.
        :param success_count: Rows that went well.
        :param fail_count: Rows that failed.
        :param log: What Download log gives from now on; the same as before by default.
        :return: The execution.
        :raises KeyError: If no execution has this id.
        """
        given = (process_count, success_count, fail_count)
        with self._world.lock:
            known = self._world.execution(execution)
            final = known.status if status is None else status
            if final != known.status or any(count is not None for count in given):
                known.counts = Counts.filled(final, *given)
            known.status = final
            known.ends = self._clock()
            known.contents = known.contents if log is None else log
            return known

    def add_lines(
        self,
        execution: Execution | str,
        rows: Iterable[Mapping[str, object]],
        *,
        status: int | None = None,
        log: object = None,
    ) -> list[Line]:
        """Add line logs to an execution.

        :param execution: The execution or its id.
        :param rows: The rows; List logs shows their fields beside the log's own, and ``search_field.N`` finds a
            line by the text of one.
        :param status: How the rows went; by default Success, but for the flow's ``fail_rate``.
        :param log: What Download log gives for each of them; a believable log with the row by
            default.
        :return: The lines, in the order of the rows.
        :raises KeyError: If no execution has this id.
        """
        known = self._world.execution(execution)
        lines = []
        for number, row in enumerate(rows):
            has_failed = known.flow.failures(number + 1) != known.flow.failures(number)
            usual = Status.FAILED if has_failed else Status.SUCCESS
            lines.append(self._world.add_line(known, row, usual if status is None else status, log))
        return lines


def _counts(
    flow: Flow, process: int | None, success: int | None, fail: int | None
) -> tuple[int | None, int | None, int | None]:
    """Let a flow's fail rate decide about the rows that a test leaves open."""
    if flow.fail_rate is None or fail is not None or success is not None:
        return (process, success, fail)
    rows = _USUAL_ROWS if process is None else process
    return (rows, None, flow.failures(rows))


def _slug(name: str, separator: str) -> str:
    return separator.join(name.lower().split())
