from .class_count_hook import ClassCountHook
from .ema_hook import EMAHook
from .half_weights_hook import HalfWeightsHook
from .loss_hooks import FiniteLossHook, LossHistoryHook
from .random_state_hook import RandomStateHook
from .replaced_images_hook import ReplacedImagesHook

__all__ = [
    'ClassCountHook',
    'EMAHook',
    'FiniteLossHook',
    'HalfWeightsHook',
    'LossHistoryHook',
    'RandomStateHook',
    'ReplacedImagesHook',
]
