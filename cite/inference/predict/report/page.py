"""The report's page, made from the slides' manifests and maps."""

import base64
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional
from urllib.parse import quote

from PIL import Image

from cite.apis.page import SORT, render_page
from cite.core.messages import count
from cite.inference.predict.outputs.colours import class_colour
from cite.inference.predict.outputs.maps import SLIDE_AREA
from cite.inference.predict.outputs.slides_csv import NO_CLASS

_HERE = Path(__file__).parent
_THUMBNAIL = (168, 126)  # pixels: twice what is shown
_PICTURES = 6_000_000  # bytes of the page for them; then the slides' own are linked


def report_page(
    folder: Path,
    manifests: Sequence[Mapping[str, Any]],
    failures: Mapping[str, str],
    model: Mapping[str, Any],
) -> str:
    """Make the page.

    Args:
        folder: the answers; its maps are shown small.
        manifests: of the slides that have an answer.
        failures: file of a slide to the reason why it has none.
        model: ``classes``, and ``facts``, pairs of name and value.

    Returns:
        HTML that fetches nothing but what is linked.
    """
    classes = [
        {'name': name, 'colour': '#{:02x}{:02x}{:02x}'.format(*class_colour(k))}
        for k, name in enumerate(model['classes'])
    ]
    pictures = _Pictures(folder, _PICTURES)
    rows = [_row(folder, manifest, classes, pictures) for manifest in manifests]
    return render_page(
        _HERE / 'report.html.j2',
        styles=[_HERE / 'report.css'],
        scripts=[SORT, _HERE / 'report.js'],
        classes=classes,
        rows=rows,
        failures=failures,
        findings=_findings(rows, model['classes']),
        cautions=Counter(flag['key'] for row in rows for flag in row['flags']),
        facts=_facts(rows, failures),
        model_facts=model['facts'],
        no_class=NO_CLASS,
        has_sets=any(row['set'] is not None for row in rows),
        count=count,
    )


def _row(
    folder: Path,
    manifest: Mapping[str, Any],
    classes: Sequence[Mapping[str, str]],
    pictures: '_Pictures',
) -> dict[str, Any]:
    name = manifest['id']
    answer = manifest['answer']
    shares = [answer['probabilities'][k['name']] for k in classes]
    colours = {k['name']: k['colour'] for k in classes}
    viewer = folder / 'viewer' / name / 'index.html'
    return {
        'name': name,
        'file': manifest['file'],
        'show_file': Path(manifest['file']).stem != name,
        'link': f'viewer/{quote(name)}/index.html' if viewer.is_file() else None,
        'quoted': quote(name),
        'picture': pictures.of(f'maps/{name}_class.png'),
        'predicted': answer['predicted'],
        'colour': colours[answer['predicted']],
        'shares': shares,
        'set': answer['set'],
        'tiles': answer['tiles'],
        'missing': answer['missing'],
        'area': manifest['tissue'].get('area_mm2'),
        'flags': manifest['flags'],
    }


def _findings(rows: Sequence[Mapping[str, Any]], classes: Sequence[str]) -> list[str]:
    if not rows:
        return ['No slide has an answer.']
    number = Counter(row['predicted'] for row in rows)
    shares = [f'{number[name]} {name}' for name in classes if number[name]]
    lines = [f'{count(len(rows), "slide")}: {", ".join(shares)}.']
    least = min(rows, key=lambda row: max(row['shares']))
    lines.append(
        f'Least sure: {least["name"]}, {least["predicted"]} with '
        f'{max(least["shares"]):.3f}.'
    )
    return lines


def _facts(
    rows: Sequence[Mapping[str, Any]], failures: Mapping[str, str]
) -> list[tuple[str, str]]:
    areas = [row['area'] for row in rows if row['area'] is not None]
    facts = [
        (f'{sum(row["tiles"] for row in rows):,}', 'tiles'),
    ]
    if areas:
        facts.append((f'{sum(areas):,.1f} mm²', 'tissue'))
    missing = sum(row['missing'] for row in rows)
    if missing:
        facts.append((f'{missing:,}', 'unreadable tiles'))
    if failures:
        facts.append((f'{len(failures):,}', 'failed'))
    return facts


class _Pictures:
    """Small pictures as data addresses while the budget lasts, then links."""

    def __init__(self, folder: Path, budget: int) -> None:
        self.folder, self.left = folder, budget

    def of(self, file: str) -> Optional[str]:
        path = self.folder / file
        if not path.is_file():
            return None
        if self.left <= 0:
            return quote(file)
        with Image.open(path, formats=['PNG']) as image:
            area = image.text.get(SLIDE_AREA)  # type: ignore[attr-defined]
            width, height = (int(n) for n in area.split()) if area else image.size
            small = image.convert('RGB').crop((0, 0, width, height))
        small.thumbnail(_THUMBNAIL, Image.Resampling.LANCZOS)
        stream = io.BytesIO()
        small.save(stream, 'JPEG', quality=78)
        address = base64.b64encode(stream.getvalue()).decode()
        self.left -= len(address)
        return f'data:image/jpeg;base64,{address}'
