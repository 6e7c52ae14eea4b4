"""The description of this provider for Airflow: its modules, its connection type and the form for it."""

from __future__ import annotations

from typing import Any

INTEGRATION = "Akinon Integrator"


def _field(label: str, description: str, **schema: Any) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": {"type": ["string", "null"], **schema}}


def _seconds(label: str, description: str, default: float) -> dict[str, Any]:
    return _field(label, description, type=["number", "null"], exclusiveMinimum=0, default=default)


def _modules(*names: str) -> list[dict[str, Any]]:
    modules = [f"airflow_provider_integrator.{name}" for name in names]
    return [{"integration-name": INTEGRATION, "python-modules": modules}]


# Airflow 3.2 and later build the form from this; earlier versions call the hook's `get_ui_field_behaviour`.
# A field may be left empty in the form, hence "null" in every type. No text has a default: Airflow would store it with
# the connection, mask it like a secret, and warn that a text as short as "prod" can't be masked.
CONN_FIELDS: dict[str, Any] = {
    "project_id": _field(
        "Project id",
        "The project of tasks that set none: its id in the answer of List projects, as airflow-integrator projects "
        "shows it once Partner id is set.",
    ),
    "project_slug": _field(
        "Project slug",
        "The project's !projectSlug in List projects, needed to download logs. May be empty if Partner id is set: it "
        "is then looked up.",
    ),
    "partner_id": _field(
        "Partner id",
        "The partner whose projects are listed: parentGroupId of each project. The Integrator's documents don't say "
        "where to find it first; ask Akinon.",
    ),
    "environment": _field(
        "Environment",
        "The Integrator to call if Host is empty: prod (the default) or dev.",
        enum=["prod", "dev"],
    ),
    "verify": _field(
        "Verify TLS certificate",
        "true (the default), false, or the path of a CA bundle on the workers and triggerers.",
    ),
    "timeout": _seconds(
        "Timeout", "Seconds that one request may take; for a download, the longest silence in it.", 60
    ),
    "download_timeout": _seconds("Download timeout", "Seconds that one download of a log may take.", 3600),
    "allow_plain_http": _field(
        "Allow plain http",
        "true: password and token may cross the network in the clear, to a Host that begins with http://. Not needed "
        "for this machine's own addresses.",
        enum=["false", "true"],
    ),
    "project_parameter": _field(
        "Project parameter",
        "How the project is spelled to List logs and Download log: both (the default), projectid or projectId. Try the "
        "others if a valid project is refused with 400.",
        enum=["both", "projectid", "projectId"],
    ),
    "auth_header": _field(
        "Token header",
        "The header that carries the token: Authorization (the default) or Authentication. Try the other if a valid "
        "password is refused with 401.",
        enum=["Authorization", "Authentication"],
    ),
    "ui_url": _field(
        "Execution page",
        "URL of an execution's page, for a link on each task, with any of {project_id}, {flow_id}, {execution_id} and "
        "{log_id} in it. Empty: no link.",
    ),
    "token": _field(
        "Token", "Used as it is, instead of Login and Password, until it expires.", format="password"
    ),
}

PROVIDER_INFO: dict[str, Any] = {
    "package-name": "airflow-provider-integrator",
    "name": INTEGRATION,
    "description": "Waits for executions of the `Akinon Integrator <https://apidocs.akinon.com/integrator>`__, "
    "keeps their logs, and fails a DAG when they failed.",
    "integrations": [
        {
            "integration-name": INTEGRATION,
            "external-doc-url": "https://apidocs.akinon.com/integrator",
            "tags": ["service"],
        }
    ],
    "hooks": _modules("hooks.integrator"),
    "sensors": _modules("sensors.execution"),
    "operators": _modules("operators.check", "operators.lines", "operators.log"),
    "triggers": _modules("triggers.execution", "triggers.flow"),
    # from Airflow 3.2 on
    "cli": ["airflow_provider_integrator.cli.definition.get_commands"],
    "asset-uris": [
        {
            "schemes": ["integrator"],
            "handler": "airflow_provider_integrator.assets.uri.sanitize_uri",
            "to_openlineage_converter": "airflow_provider_integrator.assets.uri.convert_asset_to_openlineage",
        }
    ],
    "extra-links": [
        "airflow_provider_integrator.links.IntegratorExecutionLink",
        "airflow_provider_integrator.links.StoredLogLink",
    ],
    "connection-types": [
        {
            "connection-type": "integrator",
            "hook-class-name": "airflow_provider_integrator.hooks.integrator.IntegratorHook",
            "hook-name": INTEGRATION,
            "ui-field-behaviour": {
                # The port is part of Host, the base URL.
                "hidden-fields": ["schema", "port"],
                "relabeling": {"login": "Login (e-mail)"},
                "placeholders": {
                    "host": "empty, or another Integrator's base URL: https://integrator.example.com:3000",
                    "login": "user@example.com",
                },
            },
            "conn-fields": CONN_FIELDS,
        }
    ],
}
