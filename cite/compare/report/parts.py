"""What a section of the page is made of."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import Markup


@dataclass(frozen=True)
class Table:
    """A table of text behind a figure; the first column heads its rows."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Figure:
    """Pictures with a caption and the numbers behind them."""

    key: str
    caption: str
    pictures: Sequence[Markup]
    table: Table
    narrow: Sequence[Markup] = field(
        default_factory=list
    )  # in place of them on a phone
    size: str = 'small'  # least width of a picture: 'small', 'medium', 'full'
