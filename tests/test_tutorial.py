"""The notebook's cells run one after the other, as plain Python in the checkout."""

import json
import re
import sys
import tempfile

from commands import ROOT, run

from cite.apis import shell

NOTEBOOK = ROOT / 'docs' / 'tutorial.ipynb'


def run_command(words, environment, only_progress):
    """Run a command of ``cite`` in a fork, which has imported torch."""
    print(run(sys.executable, '-m', *words, **environment))


def test_every_cell_runs(tmp_path, monkeypatch, capsys):
    cells = json.loads(NOTEBOOK.read_text(encoding='utf-8'))['cells']
    code = [''.join(c['source']) for c in cells if c['cell_type'] == 'code']
    assert not any(re.search(r'^\s*[%!]', cell, re.M) for cell in code)  # no IPython
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))
    monkeypatch.setattr(shell, 'run_command', run_command)
    monkeypatch.chdir(ROOT)
    exec('\n\n'.join(code), {'__name__': '__main__'})
    assert re.search(r'^(\S+/answers/report\.html)$', capsys.readouterr().out, re.M)
    (work,) = tmp_path.glob('cite-tutorial-*')
    assert (work / 'answers' / 'report.html').is_file()
    assert len(list((work / 'answers' / 'manifest').iterdir())) == 12


def test_stored_outputs_are_small():
    assert NOTEBOOK.stat().st_size < 50_000
