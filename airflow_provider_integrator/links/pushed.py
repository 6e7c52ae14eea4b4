"""Links whose address the task pushes to XCom, so that the web server needs no connection and no call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


class PushedLink(BaseOperatorLink):
    """A link that shows once its task has pushed an address for it."""

    @property
    def xcom_key(self) -> str:
        """Where the address is kept, on Airflow 2 too."""
        return f"_link_{type(self).__name__}"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Find the address.

        :param operator: The task; Airflow 3 asks in the worker, where the task knows what it pushed.
        :param ti_key: The task instance.
        :return: The address, empty where there is none.
        """
        pushed = getattr(operator, "pushed_links", None)
        if pushed is not None:
            return str(pushed.get(self.xcom_key, ""))
        from airflow.providers.common.compat.sdk import XCom

        # Airflow 2 asks in the web server, with what it knows of the task from its database.
        return XCom.get_value(key=self.xcom_key, ti_key=ti_key) or ""

    def push(self, context: Context, operator: Any, url: str | None) -> None:
        """Show the link from now on; pushing the same address again does nothing.

        :param context: The task's context.
        :param operator: The task, whose ``pushed_links`` keeps what was pushed by the XCom's key.
        :param url: The address; None: there is none.
        """
        if url is None or operator.pushed_links.get(self.xcom_key) == url:
            return
        operator.pushed_links[self.xcom_key] = url
        context["ti"].xcom_push(key=self.xcom_key, value=url)
