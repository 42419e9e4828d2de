from .visual_prompt import VisualPrompt

__all__ = ['VisualPrompt']
