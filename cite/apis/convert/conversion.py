"""A conversion before it is written: what fits the model and what does not."""

import pprint
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from cite.core.image_stats import OPENAI_CLIP as CLIP
from cite.core.image_stats import ImageStats

from .layout import State
from .names import collapse
from .target import Shapes


@dataclass(frozen=True)
class Conversion:
    """Tensors under the target's names, compared with the target.

    Args:
        source: path of the file that was read.
        layout: name of its layout.
        target: name of the model.
        state: tensors to write, by name.
        expected: names and shapes of the model's tensors.
        dropped: names left out on purpose: heads, decoders, other encoders.
        config: backbone config that fits the file.
        notes: sentences for the user.
        stats: normalisation of the model's images; None if it is unknown.
        file_key: key of the config that names the file.
        options: arguments of the backbone that a safetensors file notes.
    """

    source: Path
    layout: str
    target: str
    state: State
    expected: Shapes
    dropped: list[str]
    config: dict[str, Any]
    notes: list[str]
    stats: Optional[ImageStats] = None
    file_key: str = 'init_cfg'
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def matched(self) -> list[str]:
        """Names of the model that the file has in the model's shape."""
        return [n for n in self.expected if n in self.state and not self._differs(n)]

    @property
    def missing(self) -> list[str]:
        """Names of the model that the file lacks."""
        return [n for n in self.expected if n not in self.state]

    @property
    def unexpected(self) -> list[str]:
        """Names of the file that the model lacks."""
        return [n for n in self.state if n not in self.expected]

    @property
    def mismatched(self) -> list[str]:
        """Names that both have in different shapes, with the shapes."""
        return [
            f'{n} {tuple(self.state[n].shape)} instead of {self.expected[n]}'
            for n in self.expected
            if n in self.state and self._differs(n)
        ]

    def _differs(self, name: str) -> bool:
        return tuple(self.state[name].shape) != self.expected[name]

    def check(self) -> None:
        """Refuse tensors that are not the whole model and nothing else.

        A tensor without a place, such as a layer scale, changes what the model computes
        as much as a missing one does.

        Raises:
            ValueError: names are missing or unexpected, or shapes differ.
        """
        faults = [
            f'{len(names)} {what} ({collapse(names, limit=3)})'
            for what, names in (
                ('missing', self.missing),
                ('without a place', self.unexpected),
                ('of another shape', self.mismatched),
            )
            if names
        ]
        if faults:
            raise ValueError(
                f'{self.source}, read as {self.layout}, was not converted because it '
                f'does not fit {self.target}; tensors: {", ".join(faults)}.'
            )

    def listing(self) -> str:
        """List names matched, missing, unexpected and left out."""
        rows = {
            'matched': self.matched,
            'missing': self.missing,
            'unexpected': self.unexpected,
            **({'mismatched': self.mismatched} if self.mismatched else {}),
            'left out': self.dropped,
        }
        wrapper = textwrap.TextWrapper(
            width=88,
            subsequent_indent=' ' * 17,
            break_long_words=False,
            break_on_hyphens=False,
        )
        lines = [f'{self.source}: {self.layout} to {self.target}']
        for what, names in rows.items():
            row = f'{what:10} {len(names):4}  {collapse(names)}'
            lines.append(wrapper.fill(row.rstrip()))
        return '\n'.join(lines)


def usage(conversion: Conversion, out: Path, prefix: str) -> str:
    """Tell what was written and how a config names it."""
    config = dict(conversion.config)
    intro = f'Wrote {out}. In a config:'
    if conversion.file_key == 'init_cfg':
        names = 'PromptedVisionTransformer and VisionTransformerFrozen'
        intro = f'Wrote {out}. In a config ({names} take the same):'
        below = {'prefix': prefix.rstrip('.')} if prefix else {}
        config['init_cfg'] = {'type': 'Pretrained', 'checkpoint': str(out), **below}
    else:
        config[conversion.file_key] = str(out)
    shown = pprint.pformat(config, width=84, sort_dicts=False)
    return '\n'.join([*conversion.notes, intro, shown, _about_images(conversion, out)])


def _about_images(conversion: Conversion, out: Path) -> str:
    """Tell how images are prepared, or what the user has to say about them."""
    stats = conversion.stats
    if conversion.file_key == 'arch':
        if stats is None or (stats.mean, stats.std) == (CLIP.mean, CLIP.std):
            return "Images: CLIP's own mean and std, which the backbone knows."
        return (
            f'Images: mean {stats.mean}, std {stats.std}, and not those of CLIP, which '
            'the backbone assumes: put them into the data pipeline.'
        )
    if stats is None:
        return (
            'The file does not say how images are normalised: take the config of its '
            'row in docs/MODEL_ZOO.md, whose model_name tells it, or put image_stats='
            'dict(mean=…, std=…) into the backbone, with the values of its authors.'
        )
    values = f'mean {stats.mean}, std {stats.std}, {stats.interpolation}'
    values += f'. {stats.crop_note()}'.rstrip('. ')
    if out.suffix == '.safetensors':
        return f'Images: {values}; the file states it, and the backbone reads it there.'
    return (
        f'Images: {values}. A {out.suffix} file cannot state it: put it into the data '
        'pipeline, or write a .safetensors file.'
    )
