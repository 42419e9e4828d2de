from .cite_classifier import CITEClassifier
from .fitting_checkpoint import load_checkpoint
from .image_classifier import ImageClassifier

__all__ = ['CITEClassifier', 'ImageClassifier', 'load_checkpoint']
