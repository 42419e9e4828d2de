from .clip_preprocess import CLIPPreprocess
from .patch import UnreadablePatchError
from .patch_gastric_pipeline import PatchGastricPipeline

__all__ = ['CLIPPreprocess', 'PatchGastricPipeline', 'UnreadablePatchError']
