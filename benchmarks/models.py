"""The models that rows measure: their files, our config, and the released model."""

import json
from pathlib import Path
from typing import Any, Optional

import torch
from clip.model import CLIP
from torch import Tensor, nn
from torch.nn import functional as F

from cite.models.backbones.clip_weights import load_clip
from cite.models.heads.text_source import pack
from demo.models import tiny_bert, tiny_clip

from .row import Workspace

TEXTS = (
    'Well differentiated tubular adenocarcinoma',
    'Moderately differentiated tubular adenocarcinoma',
    'Poorly differentiated adenocarcinoma',
)
SCALE = 100.0


class Sizes:
    """Sizes of a workspace's models: ViT-B/16 and BERT-large, or tiny ones."""

    def __init__(self, workspace: Workspace) -> None:
        small = workspace.small
        self.image = 64 if small else 224
        self.width = 64 if small else 768
        self.features = 32 if small else 512
        self.text = 64 if small else 1024
        self.clip = str(workspace.folder / f'clip-{self.width}.pt')
        self.bert = str(workspace.folder / f'bert-{self.text}')


def make_clip(workspace: Workspace) -> None:
    """Write a CLIP with random weights, in half precision like OpenAI's."""
    sizes = Sizes(workspace)
    if Path(sizes.clip).is_file():
        return
    if workspace.small:
        tiny_clip(sizes.clip, 0, 32, 64, 2, 16, 64)
        return
    torch.manual_seed(0)
    model = CLIP(512, 224, 12, 768, 16, 77, 49408, 512, 8, 12)
    state = {name: tensor.half() for name, tensor in model.state_dict().items()}
    torch.save(state, sizes.clip)


def make_bert(workspace: Workspace) -> None:
    """Write a BERT with random weights, of BERT-large's size."""
    sizes = Sizes(workspace)
    folder = Path(sizes.bert)
    if (folder / 'done').is_file():
        return
    tiny_bert(folder, hidden=64, layers=1, texts=TEXTS)
    if not workspace.small:
        from transformers import BertConfig, BertModel

        large = {
            'hidden_size': 1024,
            'num_hidden_layers': 24,
            'num_attention_heads': 16,
            'intermediate_size': 4096,
            'vocab_size': 30522,
        }
        BertModel(BertConfig(**large)).save_pretrained(str(folder))
    (folder / 'done').touch()


def our_config(workspace: Workspace) -> dict[str, Any]:
    """Return the config of the CITE model."""
    sizes = Sizes(workspace)
    return {
        'type': 'CITEClassifier',
        'backbone': {
            'type': 'PromptedCLIPImageBackbone',
            'arch': sizes.clip,
            'prompt_init': 'token',
        },
        'neck': {
            'type': 'ProjectionNeck',
            'in_features': sizes.features,
            'out_features': sizes.text,
            'init': 'normal_identity',
            'float16': True,
        },
        'head': {
            'type': 'TextEmbeddingHead',
            'texts': list(TEXTS),
            'temperature': 4.6052,
            'float16': True,
            'text_encoder': {'type': 'BERT', 'model': sizes.bert},
        },
    }


class ReleasedCITE(nn.Module):
    """CITE as the release computes it: CLIP's own blocks, one precision throughout.

    Source: Zhang et al., MICCAI 2023, arXiv:2307.14901, section 2.

    Args:
        clip: whole CLIP, whose image tower is used.
        embeddings: embeddings of the texts, (K, D).
        dtype: fp32 on a CPU, half on a GPU.
    """

    def __init__(self, clip: nn.Module, embeddings: Tensor, dtype: torch.dtype) -> None:
        super().__init__()
        visual: Any = clip.visual
        self.visual = visual.requires_grad_(False)
        width, output = visual.conv1.out_channels, visual.proj.shape[1]
        self.prompt = nn.Parameter(torch.zeros(1, width))
        self.neck = nn.Linear(output, embeddings.shape[1])
        self.embeddings = embeddings.to(dtype)
        self.to(dtype)

    def forward(self, images: Tensor) -> Tensor:
        """Compute logits (N, K)."""
        visual: Any = self.visual
        x = visual.conv1(images.to(self.prompt.dtype)).flatten(2).permute(0, 2, 1)
        token = visual.class_embedding.expand(len(x), 1, -1)
        x = visual.ln_pre(torch.cat([token, x], 1) + visual.positional_embedding)
        x = x.permute(1, 0, 2)  # (T, N, D)
        prompt = self.prompt[:, None].expand(-1, x.shape[1], -1)
        x = visual.transformer(torch.cat([x[:1], prompt, x[1:]]))
        x = self.neck(visual.ln_post(x[0]) @ visual.proj)
        return SCALE * F.normalize(x) @ F.normalize(self.embeddings).t()


def released_model(
    workspace: Workspace,
    dtype: Any = torch.float32,
    embeddings: Optional[Tensor] = None,
) -> ReleasedCITE:
    """Build the released model.

    Args:
        workspace: workspace that holds its file.
        dtype: type of the weights.
        embeddings: embeddings of the texts, (K, D); None draws them at random.
    """
    sizes = Sizes(workspace)
    if embeddings is None:
        embeddings = torch.randn(len(TEXTS), sizes.text)
    return ReleasedCITE(load_clip(sizes.clip), embeddings, dtype)


def draw_texts(model: Any, workspace: Workspace) -> Any:
    """Give our model random text embeddings; returns the model."""
    head = model.head
    head.text_embeddings = torch.randn(len(TEXTS), Sizes(workspace).text)
    head.text_source = pack({'texts': list(TEXTS)})
    return model


def instruction_set() -> str:
    """Name the instructions that multiply bf16 here, for rows that depend on them."""
    from cite.models.precision import cpu_bf16

    return json.dumps(cpu_bf16() or 'none: computed in fp32').strip('"')
