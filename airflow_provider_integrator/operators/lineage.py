"""The methods that the OpenLineage provider calls on a task. Light: the provider is imported on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage

    from airflow_provider_integrator.api.models import Execution
    from airflow_provider_integrator.executions.delivery import Delivered


class DeliveryLineage:
    """The lineage of a task that delivers an execution's log, or lines.

    :cvar found: The project's id, the flow's slug, and the execution, None for a whole flow; None until it is found.
    :cvar delivered: The delivered log, or lines; None until then.
    """

    hook: Any
    found: tuple[str, str, Execution | None] | None = None
    delivered: Delivered | None = None

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any] | None:
        """Return the lineage of the task. The OpenLineage provider calls this, if installed.

        :param task_instance: The task instance.
        :return: The flow as input, the stored file as output, and facets of the execution; None if no
            execution was found.
        """
        if self.found is None:
            return None
        from airflow_provider_integrator.lineage import delivery_lineage

        return delivery_lineage(self.hook.settings.access.base_url, *self.found, self.delivered)

    def get_openlineage_facets_on_failure(self, task_instance: Any) -> OperatorLineage[Any, Any] | None:
        """Return the same lineage as after a success, as the file of a Failed execution is stored, too.

        :param task_instance: The task instance.
        :return: The lineage, as of :meth:`get_openlineage_facets_on_complete`.
        """
        return self.get_openlineage_facets_on_complete(task_instance)
