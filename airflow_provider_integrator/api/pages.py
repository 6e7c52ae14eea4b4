"""The pages of List logs: one of them, and the way from the first to the last."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_integrator.api.fields import Fields, shown


@dataclass(frozen=True)
class Page:
    """One page of List logs, its logs still unread.

    Reading them one by one keeps a malformed log from hiding the others.

    :param logs: The logs, unread; what isn't an object is one without fields.
    :param has_next: Whether the server hints at another page; it may do so on the last one too.
    :param count: As the server says it, like the next two; what it counts isn't documented.
    :param limit: The size of a page.
    :param number: The page's number, from 1.
    """

    logs: tuple[Fields, ...]
    has_next: bool
    count: int | None = None
    limit: int | None = None
    number: int | None = None

    @classmethod
    def read(cls, fields: Fields) -> Page:
        """Read the answer of List logs.

        :param fields: The answer.
        :return: The page.
        :raises ResponseError: ``results`` is missing, or isn't a list.
        """
        results = fields.values.get("results")
        if "results" not in fields.values or not isinstance(results, (list, type(None))):
            raise fields.fault("results", "a list")
        return cls(
            logs=tuple(
                Fields(fields.call, log if isinstance(log, dict) else {}, f"results[{index}].")
                for index, log in enumerate(results or ())
            ),
            has_next=bool(fields.values.get("next")),
            count=fields.optional_count("count"),
            limit=fields.optional_count("limit"),
            number=fields.optional_count("page"),
        )


EMPTY_PAGE = Page(logs=(), has_next=False)


class Paging:
    """Goes through pages that are fetched by number while logs are added and their order is unknown.

    A log may slide to the next page meanwhile. Of the pages only the last one's ids are kept, so that a long history
    takes no memory.

    :ivar ended: Whether the page taken last is the end: it has no logs, repeats the one before, or hints at no other.
    """

    def __init__(self) -> None:
        self.ended = False
        self._last: frozenset[str | tuple[int, str]] = frozenset()

    def take(self, page: Page) -> list[Fields]:
        """Choose what is new on the next page.

        :param page: The page.
        :return: Its logs, without those of the page before.
        """
        # A log without any id is known by its place and content: it is never taken for another one's repetition.
        keys = [
            log.optional_identifier("id")
            or log.optional_identifier("filename_uuid")
            or (place, shown(log.values))
            for place, log in enumerate(page.logs)
        ]
        if not keys or frozenset(keys) == self._last:
            self.ended = True
            return []
        before, self._last = self._last, frozenset(keys)
        self.ended = not page.has_next
        return [
            log
            for key, log in zip(keys, page.logs, strict=True)
            if isinstance(key, tuple) or key not in before
        ]
