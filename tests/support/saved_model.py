"""Models of transformers in their folders, also pickled ones."""

from pathlib import Path

import torch
from safetensors.torch import load_file


def save_model(model, folder, safe=True):
    """Save as ``save_pretrained`` does, or as it did before safetensors.

    transformers 5 always writes safetensors.
    """
    model.save_pretrained(str(folder))
    if not safe:
        file = Path(folder) / 'model.safetensors'
        torch.save(load_file(str(file)), file.with_name('pytorch_model.bin'))
        file.unlink()
