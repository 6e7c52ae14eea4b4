"""The test of a connection: a login, the cheap calls, and what would fail a task only later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_integrator.api.models import Project
from airflow_provider_integrator.api.texts import fit_name, listed
from airflow_provider_integrator.exceptions import ConfigurationError, RequestError

if TYPE_CHECKING:
    from airflow_provider_integrator.hooks.integrator import IntegratorHook


def check(hook: IntegratorHook) -> tuple[bool, str]:
    """Log in, make one or two cheap calls, and look for what is misspelt or missing.

    :param hook: The hook of the connection.
    :return: Whether all is well, and what was found, in sentences.
    :raises IntegratorError: The login or a call failed.
    """
    hook.log_in()
    settings = hook.settings
    if not settings.project_id and not settings.partner_id:
        raise ConfigurationError(
            "Logged in, but there is nothing to list: set project_id (or partner_id) in the connection's Extra."
        )
    if settings.project_id:
        count = len(hook.list_flows())
        found = f"Logged in; project {settings.project_id} has {count} flow{'s' * (count != 1)}."
        problem, note = _check_slug(hook, settings.project_id)
    else:
        projects = hook.list_projects()
        count = len(projects)
        found = f"Logged in; partner {settings.partner_id} has {count} project{'s' * (count != 1)}."
        problem, note = _without_project(projects), None
    problems = [each for each in (problem, settings.complaint()) if each]
    return not problems, " ".join(filter(None, (found, *problems, note)))


def _without_project(projects: list[Project]) -> str:
    text = "But project_id isn't set in Extra, so that each task must set it"
    return f"{text}. It is one of: {_known(projects)}." if projects else f"{text}."


def _check_slug(hook: IntegratorHook, project_id: str) -> tuple[str | None, str | None]:
    """Check the project's slug, which only Download log needs; return a problem, and a note."""
    slug, partner_id = hook.settings.project_slug, hook.settings.partner_id
    if not partner_id and not slug:
        return "But no log can be downloaded: set project_slug in Extra, or partner_id to look it up.", None
    if not partner_id:
        return None, f"project_slug ({slug}) isn't checked, as partner_id isn't set."
    try:
        projects = hook.list_projects()
    except RequestError as error:
        if error.status == 400 or not slug:
            return f"But no log can be downloaded. {error} Check partner_id, or set project_slug.", None
        return None, f"project_slug ({slug}) isn't checked. {error}"
    known = {project.id: project.slug for project in projects}
    if project_id not in known:
        return f"But partner {partner_id} has no such project; its projects: {_known(projects)}.", None
    if slug and slug != known[project_id]:
        return f"But project_slug is {slug}, and the project's slug is {_slug(known[project_id])}.", None
    if not slug and not known[project_id]:
        return "But List projects doesn't have the project's slug: set project_slug to download logs.", None
    return None, None


def _known(projects: list[Project]) -> str:
    return listed(f"{project.id} ({_slug(project.slug)})" for project in projects) or "none at all"


def _slug(slug: str | None) -> str:
    return "unknown" if slug is None else fit_name(slug)
