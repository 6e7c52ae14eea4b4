"""Pages of List logs, and paging through them."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_integrator.api.fields import Fields, shown


@dataclass(frozen=True)
class Page:
    """One page of List logs, with its logs unparsed.

    The logs are parsed one by one, so that a malformed one doesn't hide the others.

    :param logs: The unparsed logs; a member that isn't an object becomes a log without fields.
    :param has_next: Whether ``next`` is set; the last page may have it, too.
    :param count: The field ``count`` of the answer; what it counts isn't documented.
    :param limit: The page size, as the answer gives it.
    :param number: The page's number from 1, as the answer gives it.
    """

    logs: tuple[Fields, ...]
    has_next: bool
    count: int | None = None
    limit: int | None = None
    number: int | None = None

    @classmethod
    def read(cls, fields: Fields) -> Page:
        """Parse the answer of List logs.

        :param fields: The answer.
        :return: The page.
        :raises ResponseError: ``results`` is missing or isn't a list.
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
    """Deduplicates and ends the paging of List logs, while logs are added and their order is unknown.

    A log that moves to the next page between two requests is yielded once. Only the ids of the last page are
    kept, so that a long history takes no memory.

    :ivar ended: Whether the last page was taken: it has no logs, repeats the one before, or has no ``next``.
    """

    def __init__(self) -> None:
        self.ended = False
        self._last: frozenset[str | tuple[int, str]] = frozenset()

    def take(self, page: Page) -> list[Fields]:
        """Take the next page.

        :param page: The page.
        :return: The page's logs without those of the page before.
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
