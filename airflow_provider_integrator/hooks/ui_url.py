"""The template of an execution's page; the Integrator's documents don't tell where it is."""

from __future__ import annotations

from dataclasses import dataclass
from string import Formatter
from urllib.parse import quote, urlsplit

from airflow_provider_integrator.exceptions import ConfigurationError

NAMES = ("project_id", "flow_id", "execution_id", "log_id")


@dataclass(frozen=True)
class UiUrl:
    """A URL with ``{project_id}``, ``{flow_id}``, ``{execution_id}`` and ``{log_id}`` in it, as needed.

    :param template: The URL, checked.
    """

    template: str

    @classmethod
    def read(cls, text: str) -> UiUrl:
        """Check a template.

        :param text: The template.
        :return: The template, fit to be filled.
        :raises ConfigurationError: It isn't one, or what came of it could lead somewhere else.
        """
        try:
            parts = list(Formatter().parse(text))
            url = urlsplit(text)
            url.port  # noqa: B018 - one that is no number is an error
        except ValueError as error:
            raise _unusable(f"it can't be read ({error})") from error
        for _, name, spec, conversion in parts:
            if name is not None and (name not in NAMES or spec or conversion):
                raise _unusable(f"it has {{{name}}}")
        if url.scheme not in ("http", "https") or not url.hostname or any(char <= " " for char in text):
            raise _unusable("it is no http or https URL")
        if "@" in url.netloc:  # links are shown to everybody
            raise _unusable("it holds a login")
        if "{" in url.netloc or "}" in url.netloc:  # an id must not choose the host
            raise _unusable("its host is not a fixed one")
        return cls(text)

    def fill(self, **ids: str | None) -> str | None:
        """Make the URL of one execution's page.

        :param ids: The values, by the names in the template.
        :return: The URL, each value percent-encoded; None if the template has an id that isn't known.
        """
        names = {name for _, name, _, _ in Formatter().parse(self.template)}
        if any(ids.get(name) is None for name in names if name is not None):
            return None
        return self.template.format(**{name: quote(value or "", safe="") for name, value in ids.items()})


def _unusable(reason: str) -> ConfigurationError:
    names = ", ".join(f"{{{name}}}" for name in NAMES)
    return ConfigurationError(
        f"ui_url in the connection's Extra can't be used: {reason}. Set it to an http or https URL with "
        f"any of {names} behind its host."
    )
