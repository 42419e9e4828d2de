"""What a user is told about a file that was written."""

import pprint
from pathlib import Path

from cite.core.image_stats import OPENAI_CLIP as CLIP

from .conversion import Conversion


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
