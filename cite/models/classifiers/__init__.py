from .cite_classifier import CITEClassifier, ImageClassifier
from .fitting_checkpoint import load_checkpoint

__all__ = ['CITEClassifier', 'ImageClassifier', 'load_checkpoint']
