"""Lists in pages: Heroku's Range and Next-Range headers.

    Range: version ]12..; max=50, order=desc

names an attribute, where to begin (`]` leaves the beginning itself out), how many, and the order.
A cut list is answered with 206 and a Next-Range header that asks for the rest.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request, Response

from apiserver import errors
from apiserver.shapes import Shape, as_written

T = TypeVar("T", bound=Shape)

DEFAULT_MAX = 200
LARGEST_MAX = 1000

_RANGE = re.compile(
    r"(?P<attribute>[a-z_]+)(\s+(?P<open>[\[\]]?)(?P<first>.*?)\.\.(?P<last>[^;,]*?)[\[\]]?)?"
    r"\s*(?P<options>[;,].*)?"
)
_OPTION = re.compile(r"(max=(?P<max>\d{1,9})|order=(?P<order>asc|desc))?")


@dataclass(frozen=True, slots=True)
class Range:
    """Which part of a list is wanted. Empty `first` and `last` mean its ends."""

    attribute: str
    first: str = ""
    last: str = ""
    is_after: bool = False
    max: int = DEFAULT_MAX
    is_descending: bool = False


class Pages:
    """Answers lists in pages, by the request's Range header."""

    def __init__(self, request: Request, response: Response) -> None:
        self._header = request.headers.get("range", "").strip()
        self._response = response

    def of(self, items: Sequence[T], *attributes: str) -> list[T]:
        """Return the asked part of the list and set the answer's headers; the first attribute leads.

        Raises WrongRange.
        """
        wanted = parse(self._header, attributes)
        found = _within(items, wanted)
        page = found[: _cut(found, wanted)]
        headers = self._response.headers
        headers["Accept-Ranges"] = ", ".join(attributes)
        if page:
            first, last = (_written(item, wanted.attribute) for item in (page[0], page[-1]))
            headers["Content-Range"] = f"{wanted.attribute} {first}..{last}"
        if len(page) < len(found):
            self._response.status_code = 206
            headers["Next-Range"] = _next(wanted, _written(page[-1], wanted.attribute))
        return page


Paged = Annotated[Pages, Depends(Pages)]


def parse(header: str, attributes: tuple[str, ...]) -> Range:
    """Return what the header asks for; without one the list's first page. Raises WrongRange."""
    if not header:
        return Range(attributes[0])
    found = _RANGE.fullmatch(header)
    if not found or found["attribute"] not in attributes:
        raise errors.wrong_range(header, attributes)
    limit, is_descending = DEFAULT_MAX, False
    for option in re.split(r"[;,\s]+", found["options"] or ""):
        named = _OPTION.fullmatch(option)
        if not named:
            raise errors.wrong_range(header, attributes)
        limit = min(int(named["max"]), LARGEST_MAX) if named["max"] else limit
        is_descending = named["order"] == "desc" if named["order"] else is_descending
    return Range(
        attribute=found["attribute"],
        first=(found["first"] or "").strip(),
        last=(found["last"] or "").strip(),
        is_after=found["open"] == "]",
        max=max(limit, 1),
        is_descending=is_descending,
    )


def _within(items: Sequence[T], wanted: Range) -> list[T]:
    ordered = sorted(items, key=attrgetter(wanted.attribute), reverse=wanted.is_descending)
    return [item for item in ordered if _is_within(getattr(item, wanted.attribute), wanted)]


def _is_within(value: Any, wanted: Range) -> bool:
    try:
        begins = not wanted.first or _is_from(value, _like(value, wanted.first), wanted)
        ends = not wanted.last or _is_until(value, _like(value, wanted.last), wanted)
    except ValueError:
        raise errors.wrong_range(f"{wanted.first}..{wanted.last}", (wanted.attribute,)) from None
    return begins and ends


def _is_from(value: Any, first: Any, wanted: Range) -> bool:
    value = _comparable(value)
    if value == first:
        return not wanted.is_after
    return bool(value < first if wanted.is_descending else value > first)


def _is_until(value: Any, last: Any, wanted: Range) -> bool:
    value = _comparable(value)
    return bool(value >= last if wanted.is_descending else value <= last)


def _like(value: Any, text: str) -> Any:
    return int(text) if isinstance(value, int) else text


def _comparable(value: Any) -> Any:
    return as_written(value) if isinstance(value, datetime) else value


def _cut(found: list[T], wanted: Range) -> int:
    # The next page begins after this one's last value, so items of one value must not be parted.
    end = min(wanted.max, len(found))
    while 0 < end < len(found) and _written(found[end], wanted.attribute) == _written(
        found[end - 1], wanted.attribute
    ):
        end += 1
    return end


def _written(item: Shape, attribute: str) -> str:
    return str(_comparable(getattr(item, attribute)))


def _next(wanted: Range, last: str) -> str:
    order = ", order=desc" if wanted.is_descending else ""
    return f"{wanted.attribute} ]{last}..{wanted.last}; max={wanted.max}{order}"
