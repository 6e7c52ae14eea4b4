"""The description of this provider for Airflow: its modules, its connection type and the form for it."""

from __future__ import annotations

from typing import Any

INTEGRATION = "Akinon Integrator"

# Airflow 3.2 and later build the form from this; earlier versions call the hook's `get_ui_field_behaviour`.
# A field may be left empty in the form, hence "null" in every type. No text has a default: Airflow would store it with
# the connection, mask it like a secret, and warn that a text as short as "prod" can't be masked.
CONN_FIELDS: dict[str, Any] = {
    "project_id": {
        "label": "Project id",
        "description": "The project of tasks that set none: its id in the answer of List projects, as airflow-integrator "
        "projects shows it once Partner id is set.",
        "schema": {"type": ["string", "null"]},
    },
    "project_slug": {
        "label": "Project slug",
        "description": "The project's !projectSlug in List projects, needed to download logs. May be empty if Partner id "
        "is set: it is then looked up.",
        "schema": {"type": ["string", "null"]},
    },
    "partner_id": {
        "label": "Partner id",
        "description": "The partner whose projects are listed: parentGroupId of each project. The Integrator's "
        "documents don't say where to find it first; ask Akinon.",
        "schema": {"type": ["string", "null"]},
    },
    "environment": {
        "label": "Environment",
        "description": "The Integrator to call if Host is empty: prod (the default) or dev.",
        "schema": {"type": ["string", "null"], "enum": ["prod", "dev"]},
    },
    "verify": {
        "label": "Verify TLS certificate",
        "description": "true (the default), false, or the path of a CA bundle on the workers and triggerers.",
        "schema": {"type": ["string", "null"]},
    },
    "timeout": {
        "label": "Timeout",
        "description": "Seconds that one request may take; for a download, the longest silence in it.",
        "schema": {"type": ["number", "null"], "exclusiveMinimum": 0, "default": 60},
    },
    "download_timeout": {
        "label": "Download timeout",
        "description": "Seconds that one download of a log may take.",
        "schema": {"type": ["number", "null"], "exclusiveMinimum": 0, "default": 3600},
    },
    "allow_plain_http": {
        "label": "Allow plain http",
        "description": "true: password and token may cross the network in the clear, to a Host that begins with "
        "http://. Not needed for this machine's own addresses.",
        "schema": {"type": ["string", "null"], "enum": ["false", "true"]},
    },
    "project_parameter": {
        "label": "Project parameter",
        "description": "How the project is spelled to List logs and Download log: both (the default), projectid or "
        "projectId. Try the others if a valid project is refused with 400.",
        "schema": {
            "type": ["string", "null"],
            "enum": ["both", "projectid", "projectId"],
        },
    },
    "auth_header": {
        "label": "Token header",
        "description": "The header that carries the token: Authorization (the default) or Authentication. Try "
        "the other if a valid password is refused with 401.",
        "schema": {
            "type": ["string", "null"],
            "enum": ["Authorization", "Authentication"],
        },
    },
    "ui_url": {
        "label": "Execution page",
        "description": "URL of an execution's page, for a link on each task, with any of {project_id}, {flow_id}, "
        "{execution_id} and {log_id} in it. Empty: no link.",
        "schema": {"type": ["string", "null"]},
    },
    "token": {
        "label": "Token",
        "description": "Used as it is, instead of Login and Password, until it expires.",
        "schema": {"type": ["string", "null"], "format": "password"},
    },
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
    "hooks": [
        {
            "integration-name": INTEGRATION,
            "python-modules": ["airflow_provider_integrator.hooks.integrator"],
        }
    ],
    "sensors": [
        {
            "integration-name": INTEGRATION,
            "python-modules": ["airflow_provider_integrator.sensors.execution"],
        }
    ],
    "operators": [
        {
            "integration-name": INTEGRATION,
            "python-modules": [
                "airflow_provider_integrator.operators.check",
                "airflow_provider_integrator.operators.lines",
                "airflow_provider_integrator.operators.log",
            ],
        }
    ],
    "triggers": [
        {
            "integration-name": INTEGRATION,
            "python-modules": [
                "airflow_provider_integrator.triggers.execution",
                "airflow_provider_integrator.triggers.flow",
            ],
        }
    ],
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
