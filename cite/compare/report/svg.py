"""Markup of drawings: figures and tables, escaped tags, scales and axes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Optional

import numpy as np
from markupsafe import Markup, escape


@dataclass(frozen=True)
class Table:
    """A table of text that goes with a figure; the first column names its rows."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Figure:
    """Pictures with a caption and the numbers that they show."""

    key: str
    caption: str
    pictures: Sequence[Markup]
    table: Table
    narrow: Sequence[Markup] = field(default_factory=list)  # replace them on a phone
    size: str = 'small'  # least width of a picture: 'small', 'medium', 'full'


def tag(name: str, *content: Any, **attributes: Any) -> Markup:
    """Write an element; texts and attributes are escaped, other elements are not.

    An attribute's trailing underscore is dropped, inner ones become hyphens.
    """
    # By hand: Markup.format takes half of the time that the report takes.
    written = ''.join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_text(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inner = ''.join(map(escape, content))
    return Markup(f'<{name}{written}>{inner}</{name}>')


def _text(value: Any) -> str:
    """Write a coordinate with one decimal: more is below a pixel."""
    if isinstance(value, (float, np.floating)):
        return f'{value:.1f}'.rstrip('0').rstrip('.')
    return str(value)


def picture(
    key: str, width: int, height: int, title: str, desc: str, *content: Markup
) -> Markup:
    """Write a drawing that is an image to a screen reader, with its alternative text.

    Args:
        key: key of the figure, unique on the page.
        width: width in units of the drawing.
        height: height in the same units.
        title: name of the figure.
        desc: description of what it shows.
    """
    return tag(
        'svg',
        tag('title', title, id=f'{key}-title'),
        tag('desc', desc, id=f'{key}-desc'),
        *content,
        viewBox=f'0 0 {width} {height}',
        width=width,
        height=height,
        role='img',
        aria_labelledby=f'{key}-title',
        aria_describedby=f'{key}-desc',
    )


def text_at(text: Any, x: float, y: float, class_: str, **attributes: Any) -> Markup:
    """Write a text at a place of the drawing."""
    return tag('text', text, x=x, y=y, class_=class_, **attributes)


def abbreviate(text: str, length: int) -> str:
    """Cut a text that would overlap its neighbour."""
    return text if len(text) <= length else text[: length - 1] + '…'


def path(points: Sequence[tuple[float, float]]) -> str:
    """Write a line's path data."""
    return 'M' + 'L'.join(f'{_text(float(x))} {_text(float(y))}' for x, y in points)


@dataclass(frozen=True)
class Frame:
    """A plot's area in the drawing, and the values at its edges."""

    left: float
    top: float
    width: float
    height: float
    x: tuple[float, float]
    y: tuple[float, float]

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Return a value's place in the drawing."""
        (a, b), (c, d) = self.x, self.y
        return (
            self.left + self.width * (x - a) / (b - a),
            self.top + self.height * (1 - (y - c) / (d - c)),
        )

    def line(self, points: Sequence[tuple[float, float]], **attributes: Any) -> Markup:
        """Draw a line through values."""
        attributes = {'class_': 'line', **attributes}
        return tag('path', d=path([self.at(x, y) for x, y in points]), **attributes)

    def area(
        self, xs: Sequence[float], low: Sequence[float], high: Sequence[float]
    ) -> Markup:
        """Fill between two lines."""
        points = [*zip(xs, low), *zip(reversed(xs), reversed(high))]
        d = path([self.at(x, y) for x, y in points]) + 'Z'
        return tag('path', d=d, class_='band')

    def y_axis(
        self, ticks: Sequence[float], label: str, decimals: int = 0, named: bool = False
    ) -> Markup:
        """Draw grid lines with their values, and the axis' name above them.

        Args:
            ticks: values at the grid lines.
            label: name of the axis, or with ``named`` that of the panel.
            decimals: number of decimals of the values.
            named: whether the label names the panel.
        """
        if named:
            parts = [text_at(label, 0, self.top - 16, 'panel-name')]
        else:
            parts = [text_at(label, self.left, self.top - 10, 'axis-name')]
        right = self.left + self.width
        for value in ticks:
            _, y = self.at(self.x[0], value)
            number = f'{value:.{decimals}f}'.replace('-', '−')
            parts.append(tag('line', x1=self.left, x2=right, y1=y, y2=y, class_='grid'))
            parts.append(text_at(number, self.left - 6, y + 4, 'tick end'))
        return tag('g', *parts)

    def x_axis(
        self, ticks: Sequence[tuple[float, str]], label: Optional[str] = None
    ) -> Markup:
        """Draw the ticks' names below, and under them the axis' name."""
        bottom = self.top + self.height
        parts = [
            text_at(text, self.at(x, 0)[0], bottom + 16, 'tick middle')
            for x, text in ticks
        ]
        if label:
            middle = self.left + self.width / 2
            parts.append(text_at(label, middle, bottom + 34, 'axis-name middle'))
        return tag('g', *parts)


def nice_ticks(low: float, high: float, number: int = 5) -> list[float]:
    """Return about this many round values that span a range.

    >>> nice_ticks(31, 78)
    [30.0, 40.0, 50.0, 60.0, 70.0, 80.0]
    """
    if high - low < 1e-6:  # all values are equal
        high = low + 1
    span = (high - low) / number
    size = 10 ** np.floor(np.log10(span))
    step = size * min((1, 2, 2.5, 5, 10), key=lambda m: abs(m * size - span))
    first, last = np.floor(low / step + 1e-9), np.ceil(high / step - 1e-9)
    return [round(float(i * step), 10) for i in np.arange(first, last + 1)]


def tick_decimals(ticks: Sequence[float]) -> int:
    """Return how many decimals tell the ticks apart."""
    for decimals in range(4):
        if all(abs(round(t, decimals) - t) < 1e-9 for t in ticks):
            return decimals
    return 4
