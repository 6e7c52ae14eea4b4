"""An execution by its id alone, for which List logs wants a flow."""

from __future__ import annotations

from argparse import Namespace

from airflow_provider_integrator.api.models import Execution, Flow
from airflow_provider_integrator.api.queries import get_execution
from airflow_provider_integrator.api.values import shown
from airflow_provider_integrator.cli.parallel import run_all
from airflow_provider_integrator.cli.progress import progress
from airflow_provider_integrator.exceptions import ConfigurationError
from airflow_provider_integrator.hooks.integrator import IntegratorHook


def find_execution(hook: IntegratorHook, options: Namespace) -> tuple[Flow, Execution]:
    """Find the execution that a command names.

    :param hook: The hook.
    :param options: The command's arguments.
    :return: Its flow, and the execution.
    :raises ConfigurationError: There is no such execution.
    """
    if options.flow is None:
        flows = hook.list_flows(project_id=options.project)
        return search_flows(hook, options, flows, options.execution)
    flow = hook.find_flow(options.flow, project_id=options.project)
    execution = hook.get_execution(flow.id, options.execution, project_id=options.project)
    if execution is None:
        raise ConfigurationError(
            f"Flow {flow.label} has no execution {shown(options.execution)}. Correct the id or --flow."
        )
    return flow, execution


def search_flows(
    hook: IntegratorHook, options: Namespace, flows: list[Flow], execution_id: str
) -> tuple[Flow, Execution]:
    """Look for an execution in each flow of a project.

    :param hook: The hook.
    :param options: The command's arguments.
    :param flows: The flows.
    :param execution_id: The execution.
    :return: Its flow, and the execution.
    :raises ConfigurationError: There is no such execution.
    """
    project = hook.settings.project(options.project)
    scripts = [get_execution(project, flow.id, execution_id) for flow in flows]
    with progress("Looking for the execution", len(flows)) as done:
        answers = run_all(hook, scripts, done, lambda execution: execution is not None)
    for flow, answer in zip(flows, answers, strict=True):
        if isinstance(answer, Execution):
            return flow, answer
    errors = [answer for answer in answers if isinstance(answer, Exception)]
    if errors:
        raise errors[0]
    raise ConfigurationError(
        f"None of the {len(flows)} flows of project {project} has an execution {shown(execution_id)}. "
        "Correct the id or --project."
    )
