"""Buttons on a task's page. The task pushes their address to XCom: the web server needs no connection and no call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_integrator.api.models import Execution
    from airflow_provider_integrator.executions.wait import ExecutionWait


class PushedLink(BaseOperatorLink):
    """A link that shows once its task has pushed an address for it."""

    @property
    def xcom_key(self) -> str:
        """Where the address is kept, on Airflow 2 too."""
        return f"_link_{type(self).__name__}"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Find the address.

        :param operator: The task; Airflow 3 asks in the worker, where the task knows what it pushed.
        :param ti_key: The task instance.
        :return: The address, empty where there is none.
        """
        pushed = getattr(operator, "pushed_links", None)
        if pushed is not None:
            return str(pushed.get(self.xcom_key, ""))
        from airflow.providers.common.compat.sdk import XCom

        # Airflow 2 asks in the web server, with what it knows of the task from its database.
        return XCom.get_value(key=self.xcom_key, ti_key=ti_key) or ""

    def push(self, context: Context, operator: Any, url: str | None) -> None:
        """Show the link from now on; pushing the same address again does nothing.

        :param context: The task's context.
        :param operator: The task, whose ``pushed_links`` keeps what was pushed by the XCom's key.
        :param url: The address; None: there is none.
        """
        if url is None or operator.pushed_links.get(self.xcom_key) == url:
            return
        operator.pushed_links[self.xcom_key] = url
        context["ti"].xcom_push(key=self.xcom_key, value=url)


class IntegratorExecutionLink(PushedLink):
    """Leads to the execution's page, by the template ``ui_url`` in the connection's Extra."""

    name = "Integrator execution"

    def push_for(
        self,
        context: Context,
        operator: Any,
        wait: ExecutionWait,
        execution: Execution,
        log_id: str | None = None,
    ) -> None:
        """Push the address of an execution's page, if the connection says how to make it.

        :param context: The task's context.
        :param operator: The task.
        :param wait: The wait that has seen the execution.
        :param execution: The execution.
        :param log_id: The log that the task means; None: the execution's main one.
        """
        ui_url = wait.hook.settings.ui_url
        if ui_url is not None:
            url = ui_url.fill(
                project_id=wait.project_id,
                flow_id=wait.spec.flow,
                execution_id=execution.execution_id,
                log_id=log_id or execution.log_id,
            )
            self.push(context, operator, url)


class StoredLogLink(PushedLink):
    """Leads to the stored log, if its storage has pages of its own."""

    name = "Stored log"
