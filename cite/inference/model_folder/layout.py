"""The files of a model folder and the keys of its config.json."""

from typing import Any

WEIGHTS, CONFIG, CARD = 'model.safetensors', 'config.json', 'README.md'
FORMAT, VERSION = 'cite-model', 1
FEATURES_PREFIX = 'training_features.'  # of these tensors' names in WEIGHTS
REMEDY = 'Export the model again with `cite export`, or copy its folder again.'

# What an entry must be: a type, a tuple of types, or keys and what they must be. A key
# that ends in "?" may be null.
Rule = Any
RULES: dict[str, Rule] = {
    'format': str,
    'version': int,
    'cite': str,
    'weights': {'file': str, 'sha256': str, 'bytes': int},
    'model': {
        'type': str,
        'precision': str,
        'freeze': list,
        'backbone': dict,
        'neck?': (dict, list),
        'head': dict,
    },
    'backbone_weights': {
        'source?': str,
        'digest?': str,
        'in_folder': bool,
        'features': bool,
    },
    'classes': list,
    'texts?': list,
    'image?': {
        'step': str,
        'mean': list,
        'std': list,
        'interpolation': str,
        'size': int,
        'backend': str,
    },
    'patch_pixels': int,
    'mpp': (int, float),
    'training': {
        'slides': list,
        'quickhashes': list,
        'patients': list,
        'patches': int,
    },
    'calibration?': {
        'temperature': (int, float),
        'alpha': (int, float),
        'quantile?': (int, float),
        'n': int,
        'slides': int,
        'unit': str,
    },
}
