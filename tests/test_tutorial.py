"""The notebook's cells run one after the other, as plain Python in the checkout."""

import json
import re
import sys

from commands import ROOT, run

NOTEBOOK = ROOT / 'docs' / 'tutorial.ipynb'


def test_every_cell_runs(tmp_path):
    cells = json.loads(NOTEBOOK.read_text(encoding='utf-8'))['cells']
    code = [''.join(c['source']) for c in cells if c['cell_type'] == 'code']
    assert not any(re.search(r'^\s*[%!]', cell, re.M) for cell in code)  # no IPython
    script = tmp_path / 'tutorial.py'
    script.write_text('\n\n'.join(code), encoding='utf-8')
    printed = run(sys.executable, script, MPLBACKEND='Agg', TMPDIR=str(tmp_path))
    report = re.search(r'^(\S+/answers/report\.html)$', printed, re.M)
    assert report
    (work,) = tmp_path.glob('cite-tutorial-*')
    assert (work / 'answers' / 'report.html').is_file()
    assert len(list((work / 'answers' / 'manifest').iterdir())) == 12


def test_stored_outputs_are_small():
    assert NOTEBOOK.stat().st_size < 50_000
