"""Readers of files from elsewhere, each with a way to draw odd files for it."""

import io
import json
import random
import struct
from contextlib import suppress
from functools import partial
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
# Parts of pickles: names, calls, numbers, marks, and the memo.
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
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.script(model), buffer)
    return buffer.getvalue()


def _h5(rng: random.Random) -> bytes:
    """Write features of TRIDENT or STAMP with odd parts."""
    buffer = io.BytesIO()
    with h5py.File(buffer, 'w') as file:
        features: Any = np.ones(
            (3, 4), rng.choice(['f4', 'f4', 'f2', 'f8', 'i4', 'S3'])
        )
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
        odd = [
            1.0,
            'None',
            'um',
            np.ones(3),
            -1,
            np.nan,
            'x' * 9999,
            h5py.Empty('f'),
            0,
        ]
        for owner in (file, file['coords']):
            for key in ('patch_size_level0', 'unit', 'tile_size_um', 'encoder'):
                if rng.random() < 0.6:
                    owner.attrs[key] = rng.choice(odd)
    data = buffer.getvalue()
    return odd_bytes(rng, data) if rng.random() < 0.4 else data


def _slide(rng: random.Random, data: bytes, tags: list[int]) -> bytes:
    """Change entries of a TIFF's directories: type, count, or value; or any bytes."""
    if rng.random() < 0.2:
        return odd_bytes(rng, data)
    changed = bytearray(data)
    odd = (0, 1, 2, 3, 7, 255, 65_535, 2**31 - 1, 2**31, 2**32 - 1, len(data), 10**6)
    for _ in range(rng.randint(1, 3)):
        at = rng.choice(tags) + rng.choice([0, 2, 4, 8, 8, 8])
        changed[at : at + 4] = struct.pack('<I', rng.choice(odd))
    return bytes(changed)


def slide_reader(path: Path) -> Reader:
    """Return the reader of slides, on odd versions of a TIFF.

    Args:
        path: small-endian TIFF.
    """
    import tifffile

    from cite.slides import open_slide
    from cite.slides.thumbnail import read_thumbnail

    with tifffile.TiffFile(path) as file:
        tags = [tag.offset for page in file.pages for tag in page.tags]
    data = path.read_bytes()

    def read(path: Path) -> None:
        with open_slide(path) as reader:
            read_thumbnail(reader, 8.0)
            with suppress(OSError):  # a tile that cannot be read is counted
                reader.read(0, 0, 0, 64, 64)

    return Reader(lambda rng: _slide(rng, data, tags), read, 'a.tiff')


def file_readers(slide: Any) -> dict[str, Reader]:
    """Return readers of single files.

    Args:
        slide: open slide, for the GeoJSON.
    """
    from cite.apis.import_features.slide_features import read_slide_features
    from cite.apis.import_features.slide_rows import read_slide_rows
    from cite.apis.predictions import read_predictions
    from cite.core.files.weights import load_weights, read_notes
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
            lambda path: ScaleTable(str(path), ()),
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


class FolderReader(NamedTuple):
    """A reader of a folder, and its files with ways to draw odd ones."""

    folder: Path
    files: dict[str, Callable[[random.Random], bytes]]  # by path in the folder
    read: Callable[[Path], Any]

    def spoil(self, rng: random.Random) -> Callable[[], None]:
        """Replace a file with an odd one; return what puts it back."""
        name = rng.choice(sorted(self.files))
        path = self.folder / name
        before = path.read_bytes()
        path.write_bytes(self.files[name](rng))

        def restore() -> None:
            path.write_bytes(before)

        return restore


def _drawn(folder: Path, *names: str) -> dict[str, Callable[[random.Random], bytes]]:
    """Return a way to draw odd versions of each file, by its suffix."""
    files = {}
    for name in names:
        text = (folder / name).read_text(encoding='utf-8')
        if name.endswith('.json'):
            files[name] = partial(_odd_json, json.loads(text))
        elif name.endswith('.jsonl'):
            files[name] = partial(_odd_lines, list(map(json.loads, text.splitlines())))
        else:
            files[name] = partial(_odd_table, text)
    return files


def _odd_json(content: Any, rng: random.Random) -> bytes:
    return odd_json(rng, content)


def _odd_table(text: str, rng: random.Random) -> bytes:
    return odd_table(rng, text)


def _odd_lines(rows: list[Any], rng: random.Random) -> bytes:
    lines = [json.dumps(row).encode() for row in rows]
    lines[rng.randrange(len(lines))] = odd_json(rng, rng.choice(rows))
    return b'\n'.join(lines) + b'\n'


def comparison(folder: Path) -> FolderReader:
    """Return the folder of a comparison of two methods."""
    from made_up_comparison import make_comparison

    from cite.compare.folder.read_results import read_results

    sizes = {'slides': 6, 'draws': 1, 'seeds': 1, 'patches': 1, 'failures': 0}
    out = make_comparison(folder, methods=('cite', 'linear'), shots=(1,), **sizes)
    tables = [path.relative_to(out).as_posix() for path in out.glob('p*/*.csv')]
    names = ('comparison.json', 'results.jsonl', 'environment.json')
    return FolderReader(out, _drawn(out, *names, *sorted(tables)), read_results)


def written_comparison(folder: Path) -> FolderReader:
    """Return the same; its tables and report are written too."""
    from cite.compare.report import write_all

    return comparison(folder)._replace(read=write_all)


def model_folder(exported: Path) -> FolderReader:
    """Return an exported model, which is read and built."""
    from cite.inference.model_folder.network import build_network
    from cite.inference.model_folder.read import read_model

    def read(folder: Path) -> None:
        build_network(read_model(folder))

    return FolderReader(exported, _drawn(exported, 'config.json'), read)


def language_model(folder: Path) -> FolderReader:
    """Return a BERT, which encodes a text."""
    from mmcls.models.builder import MODELS
    from tiny_language_models import save_bert

    save_bert(folder)
    names = ('config.json', 'tokenizer.json', 'tokenizer_config.json')

    def read(path: Path) -> None:
        MODELS.build({'type': 'BERT', 'model': str(path)})(['well', 'x' * 40])

    return FolderReader(folder, _drawn(folder, *names), read)


def image_model(folder: Path) -> FolderReader:
    """Return a ViT of transformers, which is built."""
    from mmcls.models import BACKBONES
    from transformers import ViTConfig, ViTModel

    from cite.models.backbones.transformers_models import stats_of_folder

    sizes = {'hidden_size': 32, 'num_hidden_layers': 1, 'num_attention_heads': 2}
    sizes.update(intermediate_size=32, image_size=16, patch_size=8)
    ViTModel(ViTConfig(**sizes)).save_pretrained(folder)
    half = [0.5, 0.5, 0.5]
    stats = {'image_mean': half, 'image_std': half, 'size': {'height': 16, 'width': 16}}
    (folder / 'preprocessor_config.json').write_text(
        json.dumps({**stats, 'resample': 3, 'do_normalize': True})
    )

    def read(path: Path) -> None:
        config = {'type': 'TransformersImageBackbone', 'model_name': str(path)}
        stats_of_folder(config)
        backbone = BACKBONES.build(config)
        backbone.eval()(torch.zeros(1, 3, 16, 16))

    names = ('config.json', 'preprocessor_config.json')
    return FolderReader(folder, _drawn(folder, *names), read)


def answers(folder: Path, model: Path, slide: Path) -> FolderReader:
    """Return a folder of answers, from which tables are written and texts tried."""
    from cite.inference.predict.answer_slide import Options
    from cite.inference.predict.jobs import find_jobs
    from cite.inference.predict.outputs.tile_table import read_tile_csv
    from cite.inference.predict.overview import write_overview
    from cite.inference.predict.predict_slide import Load
    from cite.inference.predict.run import predict_slides
    from cite.inference.predictor import Predictor

    predictor = Predictor(model, 'cpu')
    jobs = find_jobs([slide], mpp='0.5')
    predict_slides(predictor, jobs, folder, Options(viewer=False), Load(8, 0), say=str)
    name = jobs[0].name

    def read(out: Path) -> None:
        write_overview(predictor, out, {})
        read_tile_csv(out / f'tiles/{name}.csv', list(predictor.classes))

    names = (f'manifest/{name}.json', f'tiles/{name}.csv')
    return FolderReader(folder, _drawn(folder, *names), read)


def records(folder: Path, slide: Path) -> FolderReader:
    """Return a folder with notes of tiles, features and packed patches."""
    from cite.apis.tile import TileSettings, tile_slides
    from cite.datasets.storage.feature_note import check_note
    from cite.datasets.storage.pack import PackedPatches, names_digest, read_pack_note

    settings = TileSettings(patch_pixels=64, format='png')
    tile_slides([slide], folder, settings, mpp='0.5', workers=1, say=str)
    names = ['a_0.jpg', 'b_0.jpg']
    np.save(folder / 'p.npy', np.zeros((2, 3, 8, 8), np.uint8))
    packed = {'version': 1, 'size': 8, 'interpolation': 'bicubic', 'names': names}
    packed.update(names_digest=names_digest(names), crc32=[1, 2])
    (folder / 'p.json').write_text(json.dumps(packed))
    note = {'annotation': {'digest': 'd'}, 'backbone': {'digest': 'b'}, 'seed': 0}
    (folder / 'f.json').write_text(json.dumps(note))
    done = next((folder / 'done').glob('*.json')).relative_to(folder).as_posix()

    def read(out: Path) -> None:
        tile_slides([slide], out, settings, mpp='0.5', workers=1, say=str)
        check_note(str(out / 'f'), 'd', 'ann.txt', 'b')
        kept = read_pack_note(out / 'p.npy')
        PackedPatches(out / 'p.npy', kept['names'], kept['size'], kept['interpolation'])

    files = ('tile.json', done, 'p.json', 'f.json')
    return FolderReader(folder, _drawn(folder, *files), read)


def calibration(model: Path, folder: Path) -> FolderReader:
    """Return tables of held-out slides, on which a model is calibrated."""
    from cite.inference.calibrate import calibrate
    from cite.inference.model_folder.read import read_model

    folder.mkdir()
    classes = read_model(model).classes
    head = ','.join(f'prob_{name}' for name in classes)
    held = [f'h{i},0.5,0.25,0.25' for i in range(6)]
    (folder / 'held.csv').write_text('\n'.join([f'id,{head}', *held]) + '\n')
    labels = [f'h{i},{classes[i % 3]},p{i // 2}' for i in range(6)]
    (folder / 'labels.csv').write_text('\n'.join(['id,label,patient', *labels]) + '\n')

    def read(out: Path) -> None:
        calibrate(model, out / 'held.csv', table=out / 'labels.csv', uncalibrated=True)

    return FolderReader(folder, _drawn(folder, 'held.csv', 'labels.csv'), read)
