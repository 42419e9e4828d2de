from .cite_classifier import CITEClassifier

__all__ = ['CITEClassifier']
