from . import backbones, classifiers, heads, necks, text_encoders

__all__ = ['backbones', 'classifiers', 'heads', 'necks', 'text_encoders']
