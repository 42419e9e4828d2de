"""What mkdocs adds to docs/ for the site: pages from elsewhere, the notebook, the API.

The pages keep their links as they are on a repository host. Here a link to a file
outside docs/ is led to a page that shows the file; mkdocs warns of what is not found.
"""

import json
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files, InclusionLevel

ROOT = Path(__file__).parents[1]
HOME = 'index.md'
WIDE = '---\nhide: [navigation]\n---\n'  # these two stand alone under their tabs
# Pages outside docs/ that keep their paths; README.md becomes the first page.
OUTSIDE = ('CONTRIBUTING.md', 'CHANGELOG.md', 'data/README.md', 'tests/MUTATIONS.md')
LINK = re.compile(r'(?<=\]\()(?!\w+:|#)([^)\s#]+)(#[^)\s]*)?(?=\))')
FENCE = re.compile(r'^```.*?^```', re.M | re.S)

# Page of the API: title, what it is about, modules.
API = {
    'inference': (
        'Models that are passed on',
        'Models at work, as in [PYTHON.md](../PYTHON.md); '
        '`cite.apis` has the names that a notebook needs.',
        [
            'cite.inference.predictor',
            'cite.inference.predict.slide_result',
            'cite.inference.model_folder.zero_shot',
            'cite.inference.model_folder.export',
            'cite.inference.plot_patches',
        ],
    ),
    'apis': (
        'Training and checks',
        'What the commands call.',
        [
            'cite.apis.train',
            'cite.apis.test',
            'cite.apis.check',
            'cite.apis.config_file',
            'cite.apis.convert',
            'cite.apis.split.split',
            'cite.apis.tile',
            'cite.apis.import_features',
            'cite.apis.export',
            'cite.apis.predictions',
        ],
    ),
    'models': (
        'Model parts',
        'What a config names with `type=`.',
        [
            'cite.models.classifiers',
            'cite.models.backbones',
            'cite.models.prompts',
            'cite.models.necks',
            'cite.models.heads',
            'cite.models.text_encoders',
        ],
    ),
    'datasets': (
        'Data sets',
        'Data sets, pipelines and samplers, by their names in a config.',
        ['cite.datasets', 'cite.datasets.slide_dataset', 'cite.datasets.builder'],
    ),
    'slides': (
        'Slides',
        'Reading whole slides, tissue, tiles.',
        ['cite.slides'],
    ),
    'compare': (
        'Comparison',
        'What `cite compare` calls; a method of your own is a function.',
        ['cite.compare.run', 'cite.compare.methods', 'cite.engines'],
    ),
    'core': (
        'Runners and hooks',
        'What mmcv runs, and what is done between iterations.',
        ['cite.core.runners', 'cite.core.hooks'],
    ),
    'metrics': (
        'Metrics',
        'All metrics are functions of scores (N, K) and labels (N,), in pure numpy.',
        [
            'cite.core.evaluation.metrics',
            'cite.core.evaluation.confusion',
            'cite.core.evaluation.calibration',
            'cite.core.evaluation.scores',
        ],
    ),
    'files': (
        'Files',
        'How tables and files that a user writes are read, and how files are written.',
        [
            'cite.datasets.tables.slide_table',
            'cite.datasets.tables.class_file',
            'cite.datasets.tables.annotations',
            'cite.datasets.tables.slide_rule',
            'cite.core.files.weights',
            'cite.core.files.json_file',
            'cite.core.files.write_whole',
        ],
    ),
}


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are not in docs/."""
    pages = {HOME: WIDE + _read('README.md'), 'tutorial.md': WIDE + _notebook()}
    pages.update({name: _read(name) for name in OUTSIDE})
    for path in sorted((ROOT / 'configs').rglob('*.md')):
        pages[_name(path)] = path.read_text(encoding='utf-8')
    sources = [p for end in ('py', 'yml') for p in (ROOT / 'configs').rglob(f'*.{end}')]
    pages['reference/configs.md'] = _list_of_configs(sorted(sources))
    for name, text in pages.items():
        files.append(File.generated(config, name, content=text))
    for path in sources:
        page = f'# {path.name}\n\n`{_name(path)}`\n\n{_listing(path)}\n'
        files.append(_off_the_menu(config, f'{_name(path)}.md', page))
    for name, (title, about, modules) in API.items():
        parts = ''.join(f'\n## `{module}`\n\n::: {module}\n' for module in modules)
        page = f'# {title}\n\n{about}\n{parts}'
        files.append(File.generated(config, f'reference/{name}.md', content=page))
    return files


def on_page_markdown(markdown: str, page: Any, files: Files, **_: Any) -> str:
    """Lead links to where their files are in the site; code blocks stay."""
    folder = posixpath.dirname(_source(page.file.src_uri))
    kept: list[str] = []

    def keep(block: 're.Match[str]') -> str:
        kept.append(block.group())
        return f'\0{len(kept) - 1}\0'

    def lead(link: 're.Match[str]') -> str:
        target = posixpath.normpath(posixpath.join(folder, link.group(1)))
        path = posixpath.relpath(_in_site(target, files), _parent(page.file.src_uri))
        return path + (link.group(2) or '')

    text = LINK.sub(lead, FENCE.sub(keep, markdown))
    return re.sub('\0(\\d+)\0', lambda block: kept[int(block.group(1))], text)


def on_page_content(html: str, **_: Any) -> str:
    """Show Sphinx' roles and `Example::` of docstrings as they are meant."""
    html = re.sub(r':(?:class|data|func|meth|mod):(?=<code>)', '', html)
    return html.replace('::</p>', ':</p>')


def _source(uri: str) -> str:
    """Return where a page of the site lies in the repository."""
    if uri == HOME:
        return 'README.md'
    return uri if (ROOT / uri).exists() else f'docs/{uri}'


def _in_site(target: str, files: Files) -> str:
    """Return the page of the site that shows a file of the repository."""
    if target == 'README.md':
        return HOME
    if target == 'docs/tutorial.ipynb':
        return 'tutorial.md'
    if target.startswith('docs/'):
        return target[len('docs/') :]
    for page in (target, f'{target}.md', f'{target}/README.md'):
        if files.get_file_from_path(page):
            return page
    if (ROOT / target).is_dir() and target.startswith('configs'):
        return 'reference/configs.md'
    return target


def _parent(uri: str) -> str:
    return posixpath.dirname(uri) or '.'


def _off_the_menu(config: Any, name: str, text: str) -> File:
    level = InclusionLevel.NOT_IN_NAV
    return File.generated(config, name, content=text, inclusion=level)


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _read(name: str) -> str:
    return (ROOT / name).read_text(encoding='utf-8')


def _listing(path: Path) -> str:
    language = {'.py': 'python', '.yml': 'yaml'}[path.suffix]
    return f'```{language}\n{path.read_text(encoding="utf-8").rstrip()}\n```'


def _list_of_configs(paths: list[Path]) -> str:
    """List the configs by folder, each with the first sentence of its comment."""
    lines = ['# Every config', '', '`cite configs copy NAME FOLDER` copies them.']
    folder = ''
    for path in paths:
        if '_base_' in path.parts or path.suffix != '.py':
            continue
        name = _name(path)
        if _parent(name) != folder:
            folder = _parent(name)
            lines += ['', f'## {folder}', '', '| config | |', '|---|---|']
        lines.append(f'| [`{path.name}`](../../{name}) | {_about(path)} |')
    return '\n'.join(lines)


def _about(path: Path) -> str:
    text = path.read_text(encoding='utf-8')
    comment = re.match(r'(?:# ?.*\n)+|"""(?:.|\n)*?"""', text)
    words = re.sub(r'^# ?|"""', '', comment.group(), flags=re.M) if comment else ''
    sentence = re.split(r'(?<=\w)[.:]\s*\n\s*\n|\.\s', words.strip(), maxsplit=1)[0]
    return ' '.join(sentence.split()).rstrip('.:').replace('|', r'\|')


def _notebook() -> str:
    """Return the tutorial as a page: its texts, its code, and what it printed."""
    parts = []
    for cell in json.loads(_read('docs/tutorial.ipynb'))['cells']:
        text = ''.join(cell['source'])
        if cell['cell_type'] == 'code':
            text = f'```python\n{text}\n```'
        parts.append(text)
        for output in cell.get('outputs', []):
            printed = output.get('text') or output.get('data', {}).get('text/plain', '')
            parts.append(f'```text\n{"".join(printed).rstrip()}\n```')
    return '\n\n'.join(parts)
