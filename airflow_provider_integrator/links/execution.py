"""The link to an execution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_integrator.links.pushed import PushedLink

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_integrator.api.models import Execution
    from airflow_provider_integrator.awaited import AwaitedExecution


class IntegratorExecutionLink(PushedLink):
    """Leads to the execution's page, by the template ``ui_url`` in the connection's Extra."""

    name = "Integrator execution"

    def tell(
        self,
        context: Context,
        operator: Any,
        target: AwaitedExecution,
        execution: Execution,
        log_id: str | None = None,
    ) -> None:
        """Push the address of an execution's page, where the connection says how to make it.

        :param context: The task's context.
        :param operator: The task.
        :param target: What the task waits for.
        :param execution: The execution.
        :param log_id: The log that the task means; the execution's main one where None.
        """
        ui_url = target.hook.settings.ui_url
        if ui_url is None:
            return
        url = ui_url.fill(
            project_id=target.project_id,
            flow_id=execution.flow_id,
            execution_id=execution.execution_id,
            log_id=log_id or execution.log_id,
        )
        self.push(context, operator, url)
