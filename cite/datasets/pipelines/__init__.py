from cite.core.files.patch_file import UnreadablePatchError

from .clip_preprocess import CLIPPreprocess
from .patch_gastric_pipeline import PatchGastricPipeline

__all__ = ['CLIPPreprocess', 'PatchGastricPipeline', 'UnreadablePatchError']
