"""Small trained models, and the folders they are exported to."""

from pathlib import Path

import tiny_training
import torch
from mmcls.models import build_classifier
from mmcv import Config
from mmcv.runner import save_checkpoint

PATIENT_TABLE = 'patients.csv'


def make_run(data: Path, folder: Path, model=None) -> Path:
    """Write config.py and latest.pth of a model after one step of training.

    Args:
        data: of :func:`tiny_training.make_data`.
        folder: where to write.
        model: overrides of the config's model.
    """
    cfg = tiny_training.config(data, folder, neck='ProjectionNeck')
    cfg.custom_imports = {'imports': ['cite']}
    cfg.data.test_dataloader = {'persistent_workers': False}
    if model is not None:
        cfg.model = Config(model)._cfg_dict
    for part in ('train', 'val', 'test'):
        cfg.data[part].pipeline[0].backend = 'fast'
    folder.mkdir(parents=True, exist_ok=True)
    cfg.dump(str(folder / 'config.py'))
    torch.manual_seed(0)
    network = build_classifier(cfg.model).train()
    network.init_weights()
    images = torch.randn(3, 3, tiny_training.SIZE, tiny_training.SIZE)
    network(images, gt_label=torch.tensor([0, 1, 2]))['loss'].backward()
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.requires_grad:
                parameter -= 0.1 * parameter.grad
    save_checkpoint(network, str(folder / 'latest.pth'))
    return folder
