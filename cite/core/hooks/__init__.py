from .ema_hook import EMAHook
from .finite_loss_hook import FiniteLossHook
from .iteration_hooks import ClassCountHook, HalfWeightsHook, RandomStateHook
from .replaced_images_hook import ReplacedImagesHook

__all__ = [
    'ClassCountHook',
    'EMAHook',
    'FiniteLossHook',
    'HalfWeightsHook',
    'RandomStateHook',
    'ReplacedImagesHook',
]
