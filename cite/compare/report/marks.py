"""How methods are told apart: colour, shape of the mark, and dashes.

Colours alone tell only a few methods apart, and fewer for colour-blind readers. So no
two of the first ``2 * len(_SHAPES)`` methods share a shape and its filling.
"""

from typing import NamedTuple, Optional

from markupsafe import Markup

from .svg import tag

#: On light and on dark paper: at least 3 to 1 against it (WCAG 2.2, 1.4.11). The hues
#: are those of Okabe and Ito (Color Universal Design, 2008), darkened and lightened.
COLOURS = (
    ('#0068a8', '#5cb6f2'),
    ('#c24a00', '#ff9155'),
    ('#00805c', '#35cfa2'),
    ('#a8447c', '#f098c8'),
    ('#7a6200', '#e3c64a'),
    ('#4b3fa8', '#aca4ff'),
    ('#8a1f3d', '#f08099'),
    ('#2d6a1e', '#93d27c'),
    ('#00737f', '#55d3e0'),
    ('#59636e', '#b4c0cc'),
    ('#7a4a21', '#d8ab80'),
    ('#a1009a', '#ef8cf0'),
)
_SHAPES = {
    'circle': 'M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0Z',
    'square': 'M-3.6-3.6H3.6V3.6H-3.6Z',
    'diamond': 'M0-5L5 0L0 5L-5 0Z',
    'triangle': 'M0-4.8L4.6 3.6H-4.6Z',
    'down': 'M0 4.8L4.6-3.6H-4.6Z',
    'bar': 'M-1.8-5H1.8V5H-1.8Z',
}
_DASHES = (None, '7 3', '2 3', '9 3 2 3')


class Mark(NamedTuple):
    """A method's look, with its name in the config and its label in tables."""

    method: str
    label: str
    place: int
    shape: str
    hollow: bool
    dash: Optional[str]

    @property
    def class_(self) -> str:
        """The class that gives colour; see :func:`colour_rules`."""
        return f'm{self.place % len(COLOURS)}'

    def at(self, x: float, y: float) -> Markup:
        """Draw the mark at a place of the drawing."""
        return tag(
            'path',
            d=_SHAPES[self.shape],
            transform=f'translate({x:.1f} {y:.1f})',
            class_='mark hollow' if self.hollow else 'mark',
        )

    def group(self, *parts: Markup) -> Markup:
        """Group what is drawn of the method, in its colour."""
        class_ = f'series {self.class_}'
        return tag('g', *parts, class_=class_, data_method=self.method)

    def sample(self) -> Markup:
        """Draw line and mark for a legend, beside the method's name."""
        return tag(
            'svg',
            tag('path', d='M1 8H33', class_='line', stroke_dasharray=self.dash),
            self.at(17, 8),
            viewBox='0 0 34 16',
            width=34,
            height=16,
            class_=f'sample {self.class_}',
            aria_hidden='true',
        )


Marks = dict[str, Mark]  # by the method's name, in the comparison's order


def marks(methods: dict[str, str]) -> Marks:
    """Give each method its mark, by the methods' names and labels."""
    shapes = list(_SHAPES)
    return {
        name: Mark(
            method=name,
            label=label,
            place=i,
            shape=shapes[i % len(shapes)],
            hollow=i // len(shapes) % 2 == 1,
            dash=_DASHES[i % len(_DASHES)],
        )
        for i, (name, label) in enumerate(methods.items())
    }


def colour_rules(theme: int) -> Markup:
    """Write the methods' colours as style rules: 0 for light paper, 1 for dark."""
    rules = [f'.m{i}{{--c:{pair[theme]}}}' for i, pair in enumerate(COLOURS)]
    return Markup(''.join(rules))
