"""A made-up comparison's folder, as `cite compare` leaves one; seeded."""

import csv
import json
import os
from pathlib import Path

import numpy as np

from demo.slides.patches import write_slide

CLASSES = ['Well differentiated', 'Moderately differentiated', 'Poorly differentiated']
GRADES = ['well', 'moderately', 'solid']
# Name: label, type, skill at one and at all training slides, overconfidence.
METHODS = {
    'cite': ('CITE', 'trained', (0.75, 1.75), 1.2),
    'cite-noprompt': ('CITE without prompt', 'trained', (0.7, 1.6), 1.2),
    'cite-notext': ('CITE without text', 'trained', (0.35, 1.4), 1.5),
    'linear': ('Linear probe', 'trained', (0.4, 1.45), 1.0),
    'finetune': ('Fine-tuning', 'trained', (0.2, 1.9), 2.4),
    'vpt-shallow': ('VPT shallow', 'trained', (0.35, 1.5), 1.4),
    'vpt-deep': ('VPT deep', 'trained', (0.3, 1.6), 1.6),
    'textprobe': ('Text-initialised probe', 'text_probe', (0.65, 1.45), 1.0),
    'nearestmean': ('Nearest class mean', 'nearest_mean', (0.4, 1.1), 0.6),
    'abmil': ('ABMIL', 'abmil', (0.25, 1.7), 1.7),
    'zeroshot': ('Zero-shot', 'trained', (0.3, 0.3), 0.5),
}
FIGURES = [
    'accuracy',
    'mean_accuracy',
    'f1',
    'auroc',
    'kappa',
    'ece',
    'ece_debiased',
    'nll',
]


def make_comparison(
    out: Path,
    slides: int = 554,
    methods=tuple(METHODS),
    shots=(1, 4, 16, 'all'),
    draws: int = 5,
    seeds: int = 2,
    patches: int = 6,
    classes=tuple(CLASSES),
    patch_files: bool = True,
    pictures: int = 0,
    patients: bool = True,
    failures: int = 1,
    seed: int = 0,
    title: str = 'Few-slide grading of gastric adenocarcinoma (made up)',
    labels=None,
) -> Path:
    """Write a comparison's folder and return it.

    Args:
        classes: names of two or three classes.
        pictures: number of slides that are drawn; every patch is a link to a patch of a
            drawn slide of its class.
    """
    rng = np.random.default_rng(seed)
    out.mkdir(parents=True, exist_ok=True)
    bags = _slides(rng, slides, patches, patients, len(classes))
    data = out.parent / f'{out.name}-data' / 'patches'
    settings = {
        'title': title,
        'data_prefix': str(data),
        'classes': list(classes),
        'methods': {
            m: {
                'label': (labels or {}).get(m, METHODS[m][0]),
                'type': METHODS[m][1],
                'config': f'configs/gastric/{m}.py',
            }
            for m in methods
        },
        'shots': list(shots),
        'draws': draws,
        'seeds': list(range(seeds)),
        'reference': methods[0],
        'figures': FIGURES,
        'patients': {},
    }
    (out / 'comparison.json').write_text(json.dumps(settings, indent=1))
    (out / 'environment.json').write_text(json.dumps(ENVIRONMENT, indent=1))
    (out / 'configs').mkdir(exist_ok=True)
    for method in methods:
        text = f"_base_ = ['../_base_/dataset.py']\nmethod = {method!r}\nlr = 0.03\n"
        (out / 'configs' / f'{method}.py').write_text(text)
    names = _draw_pictures(data, bags, pictures)
    lines = []
    for job in _jobs(methods, shots, draws, seeds):
        _write_job(out, rng, bags, names, job, classes, list(shots), patch_files)
        lines.append({**job, 'digest': 'd0', 'seconds': 12.5, 'figures': {}})
    for f in range(failures):
        method, draw = methods[1 % len(methods)], f + draws
        keys = {'method': method, 'shots': shots[0], 'draw': draw, 'seed': seeds - 1}
        job = f'{method}-{shots[0]}shot-draw{draw}-seed{seeds - 1}'
        lines = [line for line in lines if line['job'] != job]
        lines.append({'job': job, **keys, 'error': 'RuntimeError: loss is NaN'})
    text = ''.join(json.dumps(line) + '\n' for line in lines)
    (out / 'results.jsonl').write_text(text)
    return out


ENVIRONMENT = {
    'cite': '1.0.0',
    'python': '3.11.9',
    'torch': '2.8.0',
    'devices': ['NVIDIA H100 80GB HBM3'],
    'system': 'Linux 6.1, 16 cores, 128 GiB',
    'precision': 'bf16',
}


def _slides(rng, slides, patches, patients, number_of_classes):
    """Return id, patient, class, patch count and difficulty, (3,), of each slide."""
    grades = rng.choice(3, size=slides, p=(0.24, 0.36, 0.40))
    grades[:3] = [0, 1, 2]
    grades = grades.clip(max=number_of_classes - 1)
    people = rng.integers(int(slides * 0.8) + 1, size=slides)
    hard = rng.normal(size=(slides, 3))
    number = rng.integers(max(1, patches - 2), patches + 3, size=slides)
    return [
        (f's{i:04d}', f'P{people[i]:03d}' if patients else '', g, n, hard[i])
        for i, (g, n) in enumerate(zip(grades.tolist(), number.tolist()))
    ]


def _draw_pictures(data, bags, pictures):
    """Return the patch names of each slide; their files are links to drawn ones."""
    names = {s: [f'{s}_{p:03d}.jpg' for p in range(n)] for s, _, _, n, _ in bags}
    if not pictures:
        return names
    data.mkdir(parents=True, exist_ok=True)
    drawn = [[] for _ in GRADES]
    for i in range(pictures):
        folder = data.parent / 'drawn' / str(i)
        folder.mkdir(parents=True)
        write_slide(folder, GRADES[i % 3], 0, i, 2)
        drawn[i % 3] += sorted(folder.iterdir())
    for i, (slide, _, grade, _, _) in enumerate(bags):
        for p, name in enumerate(names[slide]):
            os.link(drawn[grade][(i + p) % len(drawn[grade])], data / name)
    return names


def _jobs(methods, shots, draws, seeds):
    for m in methods:
        if m == 'zeroshot':
            yield {'job': m, 'method': m, 'shots': None, 'draw': 0, 'seed': 0}
            continue
        for k in shots:
            for d in [0] if k == 'all' or not draws else range(1, draws + 1):
                for s in range(seeds):
                    job = f'{m}-{k}shot-draw{d}-seed{s}'
                    keys = {'method': m, 'shots': k, 'draw': d, 'seed': s}
                    yield {'job': job, **keys}


def _write_job(out, rng, bags, names, job, classes, shots, patch_files):
    _, kind, (first, last), sharp = METHODS[job['method']]
    place = shots.index(job['shots']) / max(len(shots) - 1, 1) if job['shots'] else 0
    skill = first + (last - first) * place
    skill += rng.normal() * 0.18 * (1 - 0.8 * place)
    tilt = rng.normal(size=3) * 0.35 * (1 - 0.7 * place)
    slide_rows, patch_rows = [], []
    for slide, patient, grade, number, hard in bags:
        # The middle grade is confused with both its neighbours.
        truth = np.array([(1, 0.35, -0.3), (0.3, 0.9, 0.3), (-0.3, 0.35, 1)][grade])
        logits = skill * truth + 0.75 * hard + tilt + 0.25 * rng.normal(size=3)
        each = sharp * 1.6 * (logits + 0.8 * rng.normal(size=(number, 3)))
        each = each[:, : len(classes)]
        scores = np.exp(each - each.max(1, keepdims=True))
        scores = (scores / scores.sum(1, keepdims=True)).round(6)
        mean = scores.mean(0)
        slide_rows.append([slide, patient, classes[grade], number, *mean])
        for name, row in zip(names[slide], scores):
            patch_rows.append([name, slide, classes[grade], *row])
    head = ['slide', 'patient', 'label', 'patches', *classes]
    _write(out / 'predictions' / f'{job["job"]}.csv', head, slide_rows)
    if kind != 'abmil' and patch_files:
        head = ['file', 'slide', 'label', *classes]
        _write(out / 'patches' / f'{job["job"]}.csv', head, patch_rows)


def _write(path, head, rows):
    path.parent.mkdir(exist_ok=True)
    with path.open('w', newline='') as stream:
        writer = csv.writer(stream, lineterminator='\n')
        writer.writerow(head)
        writer.writerows(
            [f'{x:.6f}' if isinstance(x, float) else x for x in row] for row in rows
        )
