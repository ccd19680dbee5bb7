"""Path converters."""

from __future__ import annotations

from config.paging import MAX_ROW_ID


class RowId:
    """A row's id in a path: decimal digits that fit a bigint; anything else is 404."""

    regex = "[0-9]{1,19}"

    def to_python(self, value: str) -> int:
        """The number."""
        number = int(value)
        if number > MAX_ROW_ID:
            raise ValueError(value)
        return number

    def to_url(self, value: int) -> str:
        """The digits."""
        return str(value)
