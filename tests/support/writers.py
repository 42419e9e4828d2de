"""Everything of the package that writes files for a user, on tiny inputs."""

from pathlib import Path
from typing import Any, Callable, NamedTuple

import h5py
import numpy as np
import tiny_compare
import tiny_training
import torch
from passed_model import make_run
from slide_files import draw, write_pyramid


class Inputs(NamedTuple):
    """What the writers read; none of them changes it."""

    data: Path  # of tiny_training
    run: Path  # of passed_model
    linear: Path  # config of a linear probe
    slide: Path  # file
    features: Path  # folder of others' features, and their table
    weights: Path  # a ViT of timm
    comparison: str  # config of a comparison


class SlideFailed(Exception):
    """A slide has no answer; the others would have gone on."""


class Writer(NamedTuple):
    """A way to write something into a folder that exists."""

    write: Callable[[Inputs, Path], Any]
    target: str  # what it holds, within the folder


def make_inputs(folder: Path) -> Inputs:
    """Write all inputs into a new folder."""
    data = tiny_training.make_data(folder / 'data')
    run = make_run(data, folder / 'run')
    methods = tiny_compare.method_configs(data, folder / 'methods')
    slide = write_pyramid(
        folder / 'one.tiff', draw(512, 384, ((64, 64, 320, 256),)), steps=(1,)
    )
    _write_features(folder / 'others')
    weights = folder / 'vit.pth'
    torch.save(_vit_state(), weights)
    export_model(Inputs(data, run, run, slide, run, weights, ''), run)
    comparison = tiny_compare.write_comparison(
        data, folder / 'comparison', shots=['all'], draws=0
    )
    linear = Path(methods['linear'])
    return Inputs(data, run, linear, slide, folder / 'others', weights, comparison)


def _write_features(folder: Path) -> None:
    rng = np.random.default_rng(0)
    (folder / 'features').mkdir(parents=True)
    with h5py.File(folder / 'features/a.h5', 'w') as file:
        file['features'] = rng.normal(size=(40, 64)).astype(np.float32)
        file['coords'] = np.arange(80).reshape(40, 2)
    (folder / 'table.csv').write_text('id,label\na,tumour\n')


def _vit_state() -> dict[str, torch.Tensor]:
    import timm

    torch.manual_seed(0)
    sizes = {'img_size': 32, 'patch_size': 8, 'embed_dim': 32, 'depth': 2}
    model = timm.models.vision_transformer.VisionTransformer(num_heads=4, **sizes)
    return model.state_dict()


def _checkpoint(suffix: str) -> Callable[[Inputs, Path], Any]:
    def write(inputs: Inputs, out: Path) -> Any:
        from cite.apis.export import export_checkpoint

        run = inputs.run
        export_checkpoint(run / 'config.py', run / 'latest.pth', out / f'm{suffix}')

    return write


def _convert(suffix: str) -> Callable[[Inputs, Path], Any]:
    def write(inputs: Inputs, out: Path) -> Any:
        from cite.apis.convert import convert_checkpoint

        convert_checkpoint(inputs.weights, out / f'w{suffix}', force=True)

    return write


def export_model(inputs: Inputs, out: Path) -> Any:
    """Export a model folder without a summary of features."""
    from cite.inference.model_folder.export import export_model

    run = inputs.run
    export_model(run / 'config.py', run / 'latest.pth', out / 'model', patches=0)


def _torchscript(inputs: Inputs, out: Path) -> Any:
    from cite.inference.model_folder.torchscript import export_torchscript

    export_torchscript(out / 'model')


def _calibrate(inputs: Inputs, out: Path) -> Any:
    from cite.inference.calibrate import calibrate
    from cite.inference.model_folder.read import read_model

    classes = read_model(out / 'model').classes
    names = [f'h{i}' for i in range(9)]
    lines = [f'{n},{",".join(["0.5", "0.25", "0.25"])}' for n in names]
    head = ','.join(f'prob_{name}' for name in classes)
    (inputs.run / 'held.csv').write_text('\n'.join([f'id,{head}', *lines]) + '\n')
    labels = [f'{n},{classes[i % 3]}' for i, n in enumerate(names)]
    (inputs.run / 'labels.csv').write_text('\n'.join(['id,label', *labels]) + '\n')
    calibrate(out / 'model', inputs.run / 'held.csv', table=inputs.run / 'labels.csv')


def _import_features(inputs: Inputs, out: Path) -> Any:
    from cite.apis.import_features import import_features

    others = inputs.features
    import_features(others / 'features', others / 'table.csv', out / 'own')


def _tile(inputs: Inputs, out: Path) -> Any:
    from cite.apis.tile import TileSettings, tile_slides

    settings = TileSettings(patch_pixels=64, format='png')
    tile_slides([inputs.slide], out / 'tiles', settings, workers=1)


def _predict(inputs: Inputs, out: Path) -> Any:
    from cite.inference.predict.answer_slide import Options
    from cite.inference.predict.jobs import find_jobs
    from cite.inference.predict.predict_slide import Load
    from cite.inference.predict.run import predict_slides
    from cite.inference.predictor import Predictor

    predictor = Predictor(inputs.run / 'model', 'cpu')
    options = Options(features=True, viewer=False)
    failures = predict_slides(
        predictor, find_jobs([inputs.slide]), out / 'answers', options, Load(8, 0)
    )
    if failures:
        raise SlideFailed(failures)


def _extract(inputs: Inputs, out: Path) -> Any:
    from cite.apis.features.extract import extract_features

    extract_features(inputs.linear, out / 'f', 1, ('train',), workers=0)


def _pack(inputs: Inputs, out: Path) -> Any:
    from cite.apis.features.pack import pack

    pack(inputs.linear, out / 'p.npy', workers=0)


def _train(inputs: Inputs, out: Path) -> Any:
    tiny_training.train(tiny_training.config(inputs.data, out / 'run', iters=1))


def _repeat(inputs: Inputs, out: Path) -> Any:
    from cite.apis.repeat import repeat

    repeat(str(inputs.run / 'config.py'), [0], ['accuracy'], out / 'repeats')


def _compare(inputs: Inputs, out: Path) -> Any:
    from cite.compare.run import run_comparison

    run_comparison(inputs.comparison, out / 'compared')


WRITERS = {
    'export .pth': Writer(_checkpoint('.pth'), 'm.pth'),
    'export .safetensors': Writer(_checkpoint('.safetensors'), 'm.safetensors'),
    'export a folder': Writer(export_model, 'model/'),
    'torchscript': Writer(_torchscript, 'model/'),
    'calibrate': Writer(_calibrate, 'model/'),
    'convert .pth': Writer(_convert('.pth'), 'w.pth'),
    'convert .safetensors': Writer(_convert('.safetensors'), 'w.safetensors'),
    'import-features': Writer(_import_features, 'own'),
    'tile': Writer(_tile, 'tiles/'),
    'predict': Writer(_predict, 'answers/'),
    'extract': Writer(_extract, 'f/'),
    'pack': Writer(_pack, 'p.npy'),
    'train': Writer(_train, 'run/'),
    'repeat': Writer(_repeat, 'repeats/seed0/record.json'),
    'compare': Writer(_compare, 'compared/'),
}


# They change a model folder, which has to be there.
OF_A_FOLDER = ('torchscript', 'calibrate')
