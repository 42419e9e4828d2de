"""Features of slides without a backbone, and a job that sees them; seeded."""

import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

from cite.compare.methods import JobInputs, Workspace
from cite.compare.methods.class_texts import ClassTexts
from cite.compare.methods.features import Features
from cite.compare.methods.job import Job, Method


def make_bags(seed, classes=3, slides=5, patches=6, width=8, signal=2.5, first=0):
    """Return features whose class shows in one coordinate of every patch."""
    rng = np.random.default_rng([seed, first])
    rows, labels, bags = [], [], []
    for number in range(classes * slides):
        label = number % classes
        size = patches + number % 3
        bag = rng.normal(size=(size, width))
        bag[:, label] += signal
        rows.append(bag)
        labels += [label] * size
        bags += [f's{first + number:03}'] * size
    values = np.concatenate(rows).astype(np.float32)
    return Features(values, np.array(labels), np.array(bags))


def class_vectors(classes=3, width=8, scale=20.0):
    """Return texts that point where :func:`make_bags` puts the classes."""
    return ClassTexts(torch.eye(classes, width), scale)


def run(monkeypatch, method, train, test, texts=None, seed=0, classes=3, **settings):
    """Run a method on these features; returns its scores."""
    module = sys.modules[method.__module__]
    parts = {'train': train, 'val': test}
    with monkeypatch.context() as patch:
        patch.setattr(module, 'features', lambda inputs, workspace, file: parts[file])
        if texts is not None:
            patch.setattr(module, 'class_texts', lambda inputs, *_: texts)
        job = Job('m', 'all', 0, seed)
        files = {'val': ''} if train is None else {'val': '', 'train': ''}
        names = [str(k) for k in range(classes)]
        workspace = Workspace(Path(tempfile.mkdtemp()))
        kind = Method('m', 'M', method.__name__, 'none.py', settings=settings)
        return method(JobInputs(job, kind, {}, names, '', files), workspace)


def permuted(part, seed=0):
    """Return the same patches in another order."""
    order = np.random.default_rng(seed).permutation(len(part.labels))
    return Features(*(column[order] for column in part))


def doubled(part):
    """Return every patch twice."""
    return Features(*(np.concatenate([column, column]) for column in part))
