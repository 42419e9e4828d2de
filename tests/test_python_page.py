"""docs/PYTHON.md: its code runs, prints what it says, draws what it shows."""

import re
import sys

import numpy as np
from commands import ROOT, run
from PIL import Image

PAGE = ROOT / 'docs' / 'PYTHON.md'
BLOCK = re.compile(r'^```(python|text)\n(.*?)^```', re.M | re.S)
PICTURES = {'python_patches.png': 'patches.png', 'python_slide.png': 'core-map.png'}


def test_the_page_s_code_prints_what_it_says(tmp_path):
    blocks = BLOCK.findall(PAGE.read_text(encoding='utf-8'))
    script = tmp_path / 'page.py'
    script.write_text('\n'.join(code for kind, code in blocks if kind == 'python'))
    printed = run(sys.executable, script, cwd=tmp_path, CUDA_VISIBLE_DEVICES='')
    assert printed == ''.join(text for kind, text in blocks if kind == 'text')
    for name, drawn in PICTURES.items():
        shown, made = (
            Image.open(path).convert('L')
            for path in (ROOT / 'docs' / 'images' / name, tmp_path / drawn)
        )
        assert shown.size == made.size
        gap = np.abs(np.asarray(shown, float) - np.asarray(made, float))
        assert gap.mean() < 12  # fonts differ between versions of matplotlib
