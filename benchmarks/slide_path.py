"""Measurements of the rows in ``slide_rows``."""

import multiprocessing
import shutil
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any, Optional

import numpy as np
import torch
from mmcls.models import build_classifier
from mmcv import Config
from mmcv.runner import save_checkpoint

from cite.inference.model_folder.export import export_model
from cite.inference.predict.predict_slide import Load, score_tiles
from cite.inference.predict.sources import Cut, SlideSource
from cite.inference.predict.stream import stream
from cite.inference.predict.viewer.write_viewer import write_viewer
from cite.inference.predictor import Predictor
from cite.slides import Grid, Tissue, make_grid, open_slide, openslide_reader, read_tile
from cite.slides.tiles import tile_region
from demo.models import tiny_bert
from demo.slides import make_patch_gastric

from .data_path import SIDES, cpu_seconds
from .models import TEXTS, Sizes, make_clip, our_config
from .row import Measure, Workspace

WORKERS, BATCH = 2, 64
# The files would fit into the usual cache as a whole; of a real slide a few rows do.
CACHE = 4 << 20
_TILES = 10_000  # as a slide has, so that starting the processes hardly counts
_SUMMARY = {'name': '', 'predicted': '', 'facts': [], 'flags': []}


class _Tiles:
    """Tiles of a grid several times, as a source for ``stream``."""

    def __init__(self, reader: Any, grid: Grid, passes: int = 1) -> None:
        self.reader, self.grid, self.passes = reader, grid, passes

    def __len__(self) -> int:
        return len(self.grid) * self.passes

    def tile(self, index: int) -> np.ndarray:
        return read_tile(self.reader, self.grid, index % len(self.grid))


def _whole_grid(reader: Any, mpp: float, patch_pixels: int = 256) -> Grid:
    """Lay tiles over the whole slide, glass included."""
    shape = [-(-side // 16) for side in reader.dimensions[::-1]]
    blank = np.zeros((*shape, 3), np.uint8)
    return make_grid(
        reader, Tissue(np.ones(shape, bool), 16, blank, 1), patch_pixels, mpp
    )


def _passes(grid: Grid, small: bool) -> int:
    return 1 if small else -(-_TILES // len(grid))


def our_tiles(path: Path, mpp: Optional[float], small: bool) -> Measure:
    """Read all tiles in loading processes, as ``cite predict`` does."""
    openslide_reader.CACHE = CACHE
    reader = open_slide(path, mpp)
    grid = _whole_grid(reader, reader.mpp)
    source = _Tiles(reader, grid, _passes(grid, small))
    item_bytes = 3 * grid.patch_pixels**2

    def measure() -> float:
        before = cpu_seconds()
        for _ in stream(source, torch.from_numpy, BATCH, WORKERS, item_bytes):
            pass
        return len(source) / (cpu_seconds() - before)

    return measure


def bare_tiles(path: Path, mpp: Optional[float], small: bool) -> Measure:
    """Read the same tiles with OpenSlide alone, in as many processes."""
    with open_slide(path, mpp) as reader:
        grid = _whole_grid(reader, reader.mpp)
        size, passes = tile_region(reader, grid).read, _passes(grid, small)
    process = multiprocessing.get_context('fork').Process

    def measure() -> float:
        before = cpu_seconds()
        arguments = (path, grid, size, passes)
        workers = [process(target=_bare, args=(*arguments, i)) for i in range(WORKERS)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return len(grid) * passes / (cpu_seconds() - before)

    return measure


def _bare(path: Path, grid: Grid, size: int, passes: int, worker: int) -> None:
    import openslide

    with openslide.OpenSlide(str(path)) as slide:
        slide.set_cache(openslide.OpenSlideCache(CACHE))
        for _ in range(passes):
            for first in range(worker * BATCH, len(grid), WORKERS * BATCH):
                for i in range(first, min(first + BATCH, len(grid))):
                    place = int(grid.x[i]), int(grid.y[i])
                    np.asarray(slide.read_region(place, grid.level, (size, size)))


def write_model(workspace: Workspace) -> None:
    """Write a model folder: CITE on ViT-B/16, or on a tiny one, of random weights."""
    folder = workspace.folder / 'slide-model'
    if (folder / 'model' / 'config.json').is_file():
        return
    make_clip(workspace)
    bert = str(workspace.folder / 'slide-bert')
    tiny_bert(Path(bert), hidden=Sizes(workspace).text, layers=1, texts=TEXTS)
    patches = workspace.folder / 'slide-patches'
    make_patch_gastric(patches, slides=2, patches=1)
    names = sorted(path.name for path in (patches / 'patches_captions').iterdir())
    lines = (f'{name} {i % len(TEXTS)}\n' for i, name in enumerate(names))
    (patches / 'patches.txt').write_text(''.join(lines))
    model = our_config(workspace)
    model['head']['text_encoder']['model'] = bert
    data = {
        'type': 'PatchGastricCls3',
        'data_prefix': str(patches / 'patches_captions'),
        'ann_file': str(patches / 'patches.txt'),
        'pipeline': [
            {
                'type': 'PatchGastricPipeline',
                'size': Sizes(workspace).image,
                **SIDES['ours'],
            },
            {'type': 'Collect', 'keys': ['img']},
        ],
    }
    folder.mkdir(exist_ok=True)
    cfg = Config({'model': model, 'data': {'train': data, 'val': data, 'test': data}})
    cfg.dump(str(folder / 'config.py'))
    network = build_classifier(model)
    network.head.encode_texts()
    save_checkpoint(network, str(folder / 'latest.pth'))
    export_model(folder / 'config.py', folder / 'latest.pth', folder / 'model')


def _at_work(workspace: Workspace, path: Path) -> tuple[Predictor, SlideSource]:
    predictor = Predictor(workspace.folder / 'slide-model' / 'model')
    return predictor, SlideSource(path, path.stem, Cut(300, 0.5))


def slower_alone(workspace: Workspace, path: Path) -> Measure:
    """Measure reading without a model and the model without reading."""
    predictor, source = _at_work(workspace, path)
    batches = list(stream(source, predictor.pixels, BATCH, 0))
    assert predictor.pipeline is not None
    item_bytes = predictor.pipeline.item_bytes

    def measure() -> float:
        start = perf_counter()
        for _ in stream(source, predictor.pixels, BATCH, 1, item_bytes):
            pass
        middle = perf_counter()
        for batch in batches:
            assert batch.pixels is not None
            predictor.forward(batch.pixels)
        return max(middle - start, perf_counter() - middle)

    return measure


def together(workspace: Workspace, path: Path) -> Measure:
    """Measure both at once, as ``cite predict`` does with one loading process."""
    predictor, source = _at_work(workspace, path)

    def measure() -> float:
        start = perf_counter()
        score_tiles(predictor, source, Load(BATCH, 1))
        return perf_counter() - start

    return measure


def prediction(workspace: Workspace, path: Path) -> Measure:
    """Measure the processor time of a slide's prediction."""
    predictor, source = _at_work(workspace, path)

    def measure() -> float:
        before = cpu_seconds()
        score_tiles(predictor, source, Load(BATCH, 0))
        return cpu_seconds() - before

    return measure


def viewer(workspace: Workspace, path: Path) -> Measure:
    """Measure the processor time of a slide's page with its pictures."""
    predictor, source = _at_work(workspace, path)
    table = score_tiles(predictor, source, Load(BATCH, 0)).table
    folder = workspace.folder / 'viewer'
    shares = table.probabilities.mean(0).tolist()
    summary = {**_SUMMARY, 'probabilities': shares}

    def measure() -> float:
        shutil.rmtree(folder, ignore_errors=True)
        before = cpu_seconds()
        write_viewer(folder, source.reader, table, 0.5, summary, source.tile)
        return cpu_seconds() - before

    return measure


class _MadeUpSlide:
    """A slide in memory, as large as one likes."""

    mpp, downsamples, name = 0.5, (1.0,), 'made up'

    def __init__(self, columns: int, rows: int, edge: int) -> None:
        self.dimensions = columns * edge, rows * edge
        self.noise = np.random.default_rng(0).integers(0, 256, (512, 512, 3), np.uint8)

    def read(self, x: int, y: int, level: int, width: int, height: int) -> np.ndarray:
        return self.noise[y % 256 :, x % 256 :][:height, :width].copy()


def memory(which: int, workspace: Workspace) -> Measure:
    """Measure after a tenth of a slide (0) or at its end (1), MiB.

    It is the memory of the process that grows most of all.
    """
    columns, rows = (50, 40) if workspace.small else (400, 250)
    reader = _MadeUpSlide(columns, rows, 64)
    source = _Tiles(reader, _whole_grid(reader, 0.5, 64))

    def measure() -> float:
        early: dict[int, float] = {}
        late: dict[int, float] = {}
        for done, sizes in _memory_of_processes(source):
            late.update(sizes)
            if done <= len(source) // 10:
                early.update(sizes)
        worst = max(early, key=lambda process: late[process] / early[process])
        return (early, late)[which][worst]

    return measure


def _memory_of_processes(source: Any) -> Iterator[tuple[int, dict[int, float]]]:
    done = 0
    scores = np.zeros((len(source), 3), np.float32)
    for batch in stream(source, torch.from_numpy, BATCH, WORKERS, 3 * 64**2):
        scores[batch.indices] = 1 / 3
        done += len(batch.indices)
        processes = multiprocessing.active_children()
        pids = [multiprocessing.current_process().pid, *(p.pid for p in processes)]
        yield done, {pid: _resident(pid) for pid in pids if pid is not None}


def _resident(pid: int) -> float:
    """Return a process's own memory, MiB, without what it shares with others."""
    status = Path(f'/proc/{pid}/status').read_text()
    return int(status.split('RssAnon:')[1].split()[0]) / 1024
