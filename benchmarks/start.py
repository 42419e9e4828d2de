"""Rows of the start: time from the process's start to the first iteration, and memory.

Each measurement is a process, which reports its peak memory.
"""

import json
import subprocess
import sys
from functools import partial
from time import perf_counter

from .models import TEXTS, Sizes, make_bert, make_clip, our_config
from .row import Measure, Row, Workspace

# Both embed the texts of the classes; images and optimizer cost both the same.
RELEASED = """
import json, resource, sys
from importlib.util import find_spec
if find_spec('pkg_resources') is None:  # clip takes packaging from it
    import packaging.version, types
    sys.modules['pkg_resources'] = types.SimpleNamespace(packaging=packaging)
import clip, torch, mmcls.apis, mmcls.models
from transformers import AutoModel, AutoTokenizer
clip_file, bert, texts, _ = json.loads(sys.argv[1])
model, _ = clip.load(clip_file, device='cpu')
tokenizer = AutoTokenizer.from_pretrained(bert)
language = AutoModel.from_pretrained(bert)
with torch.no_grad():
    inputs = tokenizer(texts, padding=True, return_tensors='pt')
    embeddings = language(**inputs)['pooler_output']
"""
OURS = """
import json, resource, sys
import mmcls.apis, mmcls.models, cite
from cite.core.load_kernels import load_kernels
clip_file, bert, texts, config = json.loads(sys.argv[1])
model = mmcls.models.build_classifier(config)
embeddings = model.head.encode_texts()
kernels = load_kernels()  # as training does before it forks its workers
if kernels is not None:
    kernels.warm_up()
"""
# Both sides and mim import them.
IMPORTS = 'import torch, mmcv, mmcls.apis, mmcls.models'
_REPORT = """
assert embeddings.shape[0] == len(texts)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({'peak': peak, 'language_model': 'transformers' in sys.modules}))
"""


def start_once(script: str, workspace: Workspace) -> dict[str, float]:
    """Start once; returns ``seconds``, ``peak`` (MiB) and ``language_model``."""
    sizes = Sizes(workspace)
    question = json.dumps([sizes.clip, sizes.bert, TEXTS, our_config(workspace)])
    seconds, printed = _run(script + _REPORT, question)
    return {'seconds': seconds, **json.loads(printed.strip().splitlines()[-1])}


def most_by_imports(_: int, released: float) -> float:
    """Return how many times faster a start would be that only imported mmcls."""
    return released / min(_run(IMPORTS)[0] for _ in range(3))


def _run(code: str, *arguments: str) -> tuple[float, str]:
    """Run code in a process of its own; return its seconds and what it printed."""
    start = perf_counter()
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', code, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = perf_counter() - start
    if done.returncode:
        raise ValueError(f'a start failed: {done.stderr[-2000:]}')
    return seconds, done.stdout


def _side(script: str, key: str, workspace: Workspace) -> Measure:
    start_once(script, workspace)  # the first start does not count
    return lambda: start_once(script, workspace)[key]


def _prepare(workspace: Workspace) -> None:
    make_clip(workspace)
    make_bert(workspace)


ROWS = [
    Row(
        'start',
        'start to first iteration, BERT-large-sized text encoder, second start onwards',
        's',
        5,
        partial(_side, RELEASED, 'seconds'),
        partial(_side, OURS, 'seconds'),
        'importing torch, mmcv and mmcls; then reading 300 MB of CLIP',
        prepare=_prepare,
        most=most_by_imports,
    ),
    Row(
        'memory',
        'peak resident memory at start',
        'MiB',
        2,
        partial(_side, RELEASED, 'peak'),
        partial(_side, OURS, 'peak'),
        'the libraries (about 450 MiB) and the image tower in single precision '
        '(345 MB) beside the file it is read from (300 MB)',
        exact=True,
        prepare=_prepare,
    ),
]
