"""Extra links of tasks. A task pushes the URL to XCom, so that the web server needs no connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


class PushedLink(BaseOperatorLink):
    """A link that is shown once its task has pushed a URL for it."""

    @property
    def xcom_key(self) -> str:
        """The XCom key of the URL, on every Airflow."""
        return f"_link_{type(self).__name__}"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the URL.

        :param operator: The task; Airflow 3 calls this in the worker, on the task that pushed the URL.
        :param ti_key: The task instance.
        :return: The URL; empty if none was pushed.
        """
        pushed = getattr(operator, "pushed_links", None)
        if pushed is not None:
            return str(pushed.get(self.xcom_key, ""))
        from airflow.providers.common.compat.sdk import XCom

        # Airflow 2 calls this in the web server, with the serialized task.
        return XCom.get_value(key=self.xcom_key, ti_key=ti_key) or ""

    def push(self, context: Context, operator: Any, url: str | None) -> None:
        """Push the link's URL, unless the same one was pushed before.

        :param context: The task's context.
        :param operator: The task; its ``pushed_links`` maps XCom keys to the URLs pushed so far.
        :param url: The URL; None: nothing is pushed.
        """
        if url is None or operator.pushed_links.get(self.xcom_key) == url:
            return
        operator.pushed_links[self.xcom_key] = url
        context["ti"].xcom_push(key=self.xcom_key, value=url)


class IntegratorExecutionLink(PushedLink):
    """Link to the execution's page, made from the template ``ui_url`` in the connection's Extra."""

    name = "Integrator execution"


class StoredLogLink(PushedLink):
    """Link to the stored log, if its storage has a web page for it."""

    name = "Stored log"
