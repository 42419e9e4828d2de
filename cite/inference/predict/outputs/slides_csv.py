"""``slides.csv``: a line a slide."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cite.core.files.write_whole import write_whole

#: A set may be empty: no class is likely enough for the coverage.
NO_CLASS = '(no class)'


def write_slides_csv(
    path: Path,
    manifests: Sequence[Mapping[str, Any]],
    failures: Mapping[str, str],
    classes: Sequence[str],
) -> None:
    """Write what the manifests say, and below it the slides that failed.

    Args:
        path: file to write.
        manifests: of the slides that have an answer.
        failures: file of a slide to the reason why it has none.
        classes: the model's.
    """
    head = ['file', 'id', 'predicted', *(f'prob_{name}' for name in classes)]
    head += ['set', 'tiles', 'missing', 'tissue_mm2', 'mpp', 'mpp_source', 'flags']
    with (
        write_whole(path) as partial,
        open(partial, 'w', encoding='utf-8', newline='') as file,
    ):
        writer = csv.DictWriter(file, [*head, 'error'], lineterminator='\n')
        writer.writeheader()
        writer.writerows(_row(manifest) for manifest in manifests)
        for name, reason in failures.items():
            writer.writerow({'file': name, 'error': reason})


def _row(manifest: Mapping[str, Any]) -> dict[str, Any]:
    answer, slide = manifest['answer'], manifest['slide']
    shares = {f'prob_{k}': p for k, p in answer['probabilities'].items()}
    area = manifest['tissue'].get('area_mm2')
    return {
        'file': manifest['file'],
        'id': manifest['id'],
        'predicted': answer['predicted'],
        **shares,
        'set': '' if answer['set'] is None else '; '.join(answer['set']) or NO_CLASS,
        'tiles': answer['tiles'],
        'missing': answer['missing'],
        'tissue_mm2': '' if area is None else f'{area:.3f}',
        'mpp': slide['mpp'],
        'mpp_source': slide['mpp_source'],
        'flags': ' '.join(flag['text'] for flag in manifest['flags']),
    }
