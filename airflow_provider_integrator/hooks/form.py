"""The connection's form on Airflow below 3.2, built from the fields of the provider info."""

from __future__ import annotations

from typing import Any

from airflow_provider_integrator import get_provider_info


def _connection_type() -> dict[str, Any]:
    (described,) = get_provider_info()["connection-types"]
    return dict(described)


def field_behaviour() -> dict[str, Any]:
    """Describe the standard fields, as ``get_ui_field_behaviour`` does."""
    described = _connection_type()["ui-field-behaviour"]
    return {name.replace("-", "_"): value for name, value in described.items()}


def widgets() -> dict[str, Any]:
    """Describe the fields of Extra, as ``get_connection_form_widgets`` does."""
    from flask_appbuilder.fieldwidgets import BS3PasswordFieldWidget, BS3TextFieldWidget
    from wtforms import PasswordField, StringField
    from wtforms.validators import Optional, any_of

    made: dict[str, Any] = {}
    for name, field in _connection_type()["conn-fields"].items():
        schema = field["schema"]
        common = {"label": field["label"], "description": field["description"]}
        if "enum" in schema:
            # Select fields aren't supported here; Airflow 3.1 makes a drop-down of this validator.
            choice = [Optional(), any_of(schema["enum"])]
            made[name] = StringField(widget=BS3TextFieldWidget(), validators=choice, **common)
        elif schema.get("format") == "password":
            made[name] = PasswordField(widget=BS3PasswordFieldWidget(), **common)
        else:
            made[name] = StringField(widget=BS3TextFieldWidget(), **common)
    return made
