"""The URL template of an execution's page, which the Integrator's documentation doesn't give."""

from __future__ import annotations

from dataclasses import dataclass
from string import Formatter
from urllib.parse import quote, urlsplit

from airflow_provider_integrator.exceptions import ConfigurationError

NAMES = ("project_id", "flow_id", "execution_id", "log_id")


@dataclass(frozen=True)
class UiUrl:
    """A URL template with any of ``{project_id}``, ``{flow_id}``, ``{execution_id}`` and ``{log_id}``.

    :param template: The validated template.
    """

    template: str

    @classmethod
    def read(cls, text: str) -> UiUrl:
        """Validate a template.

        :param text: The template.
        :return: The validated template.
        :raises ConfigurationError: The template is invalid, or its host isn't fixed.
        """
        try:
            parts = list(Formatter().parse(text))
            url = urlsplit(text)
            url.port  # noqa: B018 - raises for an invalid port
        except ValueError as error:
            raise _unusable(f"it can't be read ({error})") from error
        for _, name, spec, conversion in parts:
            if name is not None and (name not in NAMES or spec or conversion):
                raise _unusable(f"it has {{{name}}}")
        if url.scheme not in ("http", "https") or not url.hostname or any(char <= " " for char in text):
            raise _unusable("it isn't an http or https URL")
        if "@" in url.netloc:  # links are shown to everybody
            raise _unusable("it holds a login")
        if "{" in url.netloc or "}" in url.netloc:  # an id must not choose the host
            raise _unusable("its host isn't fixed")
        return cls(text)

    def fill(self, **ids: str | None) -> str | None:
        """Build the URL of an execution's page.

        :param ids: The values by name.
        :return: The URL with percent-encoded values; None if an id of the template is unknown.
        """
        names = {name for _, name, _, _ in Formatter().parse(self.template)}
        if any(ids.get(name) is None for name in names if name is not None):
            return None
        return self.template.format(**{name: quote(value or "", safe="") for name, value in ids.items()})


def _unusable(reason: str) -> ConfigurationError:
    names = ", ".join(f"{{{name}}}" for name in NAMES)
    return ConfigurationError(
        f"ui_url in the connection's Extra can't be used: {reason}. Set it to an http or https URL with "
        f"any of {names} after its host."
    )
