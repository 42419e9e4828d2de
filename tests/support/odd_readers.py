"""Readers of files from elsewhere, each with a way to draw odd files for it."""

import io
import random
from pathlib import Path
from typing import Any, Callable, NamedTuple

import h5py
import numpy as np
import torch
from odd_files import (
    odd_archive,
    odd_bytes,
    odd_json,
    odd_safetensors,
    odd_table,
)
from safetensors.torch import save as save_safetensors

SQUARE = [[0, 0], [80, 0], [80, 60], [0, 60], [0, 0]]
GEOJSON = {
    'type': 'FeatureCollection',
    'features': [
        {'type': 'Feature', 'geometry': {'type': 'Polygon', 'coordinates': [SQUARE]}},
        {
            'type': 'Feature',
            'geometry': {'type': 'MultiPolygon', 'coordinates': [[SQUARE], [SQUARE]]},
        },
    ],
}
# Of pickles: names, calls, numbers, marks, and the memo.
FRAGMENTS = (
    *(b'(', b')', b']', b'}', b'0', b'2', b'R', b'b', b'.', b's', b'u', b'a', b'e'),
    *(b't', b'\x85', b'\x86', b'\x87', b'q\x00', b'h\x00', b'h\x05', b'N', b'\x88'),
    *(b'K\x02', b'J\xff\xff\xff\xff', b'\x8a\5\0\0\0\0\x7f', b'X\3\0\0\0a.b', b'Q'),
    *(b'c__torch__\nM\n', b'ctorch._utils\n_rebuild_tensor_v2\n', b'\x81', b'\x80\x02'),
    *(b'ctorch.jit._pickle\nbuild_intlist\n', b'ctorch\nDoubleStorage\n'),
    *(b'ccollections\nOrderedDict\n', b'cposix\nsystem\n', b'cbuiltins\nset\n'),
)


class Reader(NamedTuple):
    """A reader, and odd files for it."""

    draw: Callable[[random.Random], bytes]
    read: Callable[[Path], Any]
    name: str  # of the file


def _weights() -> dict[str, torch.Tensor]:
    base = torch.arange(12.0).reshape(3, 4)
    return {'a': base, 'b.weight': torch.ones(2).half(), 'n': torch.zeros(0)}


def _torchscript() -> bytes:
    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(2, 3)
            self.register_buffer('count', torch.zeros((), dtype=torch.long))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.layer(x) + self.count

    buffer = io.BytesIO()
    torch.jit.save(torch.jit.script(Model()), buffer)
    return buffer.getvalue()


def _h5(rng: random.Random) -> bytes:
    """Write features of TRIDENT or STAMP with odd parts."""
    buffer = io.BytesIO()
    with h5py.File(buffer, 'w') as file:
        features: Any = np.ones((3, 4), rng.choice(['f4', 'f4', 'f2', 'f8', 'i4', 'S3']))
        coords: Any = np.arange(6).reshape(3, 2)
        if rng.random() < 0.3:
            features = rng.choice([features[0], features[None], features[:0], 'x', 1.5])
        if rng.random() < 0.3:
            coords = rng.choice([coords[:2], coords.T, coords * 1e300, coords[:, :1]])
        name = rng.choice(['features', 'feats', 'other'])
        kind = rng.random()
        if kind < 0.1:
            file[name] = h5py.SoftLink('/coords')
        elif kind < 0.2:
            file[name] = h5py.ExternalLink('other.h5', 'features')
        elif kind < 0.3:
            file.create_group(name)
        elif kind < 0.4:
            file.create_dataset(name, (10**9, 10**3), 'f4', chunks=(1000, 1000))
        elif kind < 0.5:
            file.create_dataset(name, (3, 4), 'f4', chunks=(1, 4), fillvalue=np.nan)
        else:
            file[name] = features
        file['coords'] = coords
        odd = [1.0, 'None', 'um', np.ones(3), -1, np.nan, 'x' * 9999, h5py.Empty('f'), 0]
        for owner in (file, file['coords']):
            for key in ('patch_size_level0', 'unit', 'tile_size_um', 'encoder'):
                if rng.random() < 0.6:
                    owner.attrs[key] = rng.choice(odd)
    data = buffer.getvalue()
    return odd_bytes(rng, data) if rng.random() < 0.4 else data


def file_readers(slide: Any) -> dict[str, Reader]:
    """Return readers of single files.

    Args:
        slide: open slide, for the GeoJSON.
    """
    from cite.apis.import_features.slide_features import read_slide_features
    from cite.apis.import_features.slide_rows import read_slide_rows
    from cite.apis.predictions import read_predictions
    from cite.core.files.weights import load_weights
    from cite.core.files.weights_notes import read_notes
    from cite.slides.roi import tissue_from_geojson
    from cite.slides.scale_table import ScaleTable

    scripted, tensors = _torchscript(), save_safetensors(_weights(), {'x': 'y'})
    tiles = 'minx,miny,prob_a\n' + ''.join(f'{x},0,0.5\n' for x in range(0, 90, 30))
    table = 'id,file,mpp,label\na,x/a.svs,0.25,tumour\nb-1,x/b.svs,0.5,normal\n'
    scores = {
        'class_scores': [[0.5, 0.5], [0.1, 0.9]],
        **{'file': ['a_0.jpg', 'b_0.jpg'], 'slide': ['a', 'b'], 'label': [0, 1]},
    }

    def safetensors(path: Path) -> None:
        read_notes(path)
        load_weights(path)

    return {
        'torchscript': Reader(
            lambda rng: odd_archive(rng, scripted, FRAGMENTS), load_weights, 'm.pt'
        ),
        'safetensors': Reader(
            lambda rng: odd_safetensors(rng, tensors), safetensors, 'm.safetensors'
        ),
        'h5': Reader(_h5, read_slide_features, 'a.h5'),
        'tiles.csv': Reader(
            lambda rng: odd_table(rng, tiles), read_slide_features, 'a.csv'
        ),
        'slides.csv': Reader(
            lambda rng: odd_table(rng, table), read_slide_rows, 'slides.csv'
        ),
        'mpp.csv': Reader(
            lambda rng: odd_table(rng, 'slide,mpp\na,0.25\nb,0.5\n'),
            lambda path: ScaleTable(str(path)),
            'mpp.csv',
        ),
        'GeoJSON': Reader(
            lambda rng: odd_json(rng, GEOJSON),
            lambda path: tissue_from_geojson(slide, path),
            'roi.geojson',
        ),
        'predictions.json': Reader(
            lambda rng: odd_json(rng, scores), read_predictions, 'results.json'
        ),
    }
