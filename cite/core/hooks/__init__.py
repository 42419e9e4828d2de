from .class_count_hook import ClassCountHook
from .replaced_images_hook import ReplacedImagesHook

__all__ = ['ClassCountHook', 'ReplacedImagesHook']
