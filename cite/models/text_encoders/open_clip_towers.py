"""Text towers of open_clip models, in the sizes of their weights."""

from pathlib import Path
from typing import Any, Union

from torch import Tensor, nn
from torch.nn import functional as F

from cite.core.files.clip_sizes import count_modules
from cite.core.files.open_clip_files import CONFIG, Tower
from cite.models.backbones.weights_files import load_exactly

from .base_text_encoder import POOLINGS

State = dict[str, Tensor]
# Channels of an attention head, both in BERT-base and in CLIP's text tower.
_HEAD = 64
# open_clip's names of a BERT's poolings, and ours.
_POOLERS = {'cls_last_hidden_state_pooler': 'last_hidden_state', 'mean_pooler': 'mean'}
_REFUSAL = 'text encoder {}: the weights have another architecture.'
# A pooler that open_clip's BERT may have and does not use; numbers of positions.
_UNUSED = ('transformer.pooler.', 'transformer.embeddings.position_ids')


def build_tower(folder: Path, tower: Tower) -> 'Union[BERTTower, CoCaTower]':
    """Build the tower that fits the weights, in eval mode.

    Args:
        folder: folder of the model, for messages.
        tower: tensors and options of the tower.

    Raises:
        ImportError: a CoCa's tower without open_clip.
        ValueError: another tower than these two.
    """
    state = tower.state
    if 'transformer.embeddings.word_embeddings.weight' in state:
        return BERTTower(folder, state, tower.options).eval()
    if {'cls_emb', 'positional_embedding', 'text_projection'} <= {*state}:
        return CoCaTower(folder, state).eval()
    raise ValueError(
        f'text encoder {folder}: its text tower is neither a BERT with a projection '
        "(BiomedCLIP) nor a CoCa's (CONCH). If it is CLIP's own architecture, run "
        "`cite convert … --from clip`, then set type='CLIPTextEncoder'."
    )


class BERTTower(nn.Module):
    """BiomedCLIP's, MI-Zero's, PMC-CLIP's: a BERT, pooled, then one or two layers."""

    def __init__(self, folder: Path, state: State, options: dict[str, Any]) -> None:
        from transformers import BertConfig, BertModel

        super().__init__()
        words = state['transformer.embeddings.word_embeddings.weight']
        positions = state['transformer.embeddings.position_embeddings.weight']
        first_layer = 'transformer.encoder.layer.0.inter'
        inner = next(len(state[key]) for key in state if key.startswith(first_layer))
        config = BertConfig(
            vocab_size=words.shape[0],
            hidden_size=words.shape[1],
            num_hidden_layers=count_modules(state, 'transformer.encoder.layer.'),
            num_attention_heads=words.shape[1] // _HEAD,
            intermediate_size=inner,
            max_position_embeddings=positions.shape[0],
        )
        self.transformer = BertModel(config, add_pooling_layer=False)
        self.proj = _projection(folder, state)
        self.longest = min(options.get('context_length', 512), positions.shape[0])
        pooler = options.get('hf_pooler_type', options.get('pooler_type'))
        if pooler not in _POOLERS:
            raise ValueError(
                f'{folder / CONFIG}: hf_pooler_type is {pooler!r}; choose one of '
                f'{sorted(_POOLERS)}, or copy the published file there.'
            )
        self.pooling = POOLINGS[_POOLERS[pooler]]
        self.pad = bool(options.get('pad'))
        kept = {k: v for k, v in state.items() if not k.startswith(_UNUSED)}
        load_exactly(self, kept, _REFUSAL.format(folder))

    def forward(self, ids: Tensor) -> Tensor:
        """Encode token numbers (N, T), without padding, into (N, D)."""
        if self.pad:  # [PAD] is 0 in every BERT's vocabulary
            ids = F.pad(ids, (0, self.longest - ids.shape[1]))
        tokens = self.transformer(input_ids=ids).last_hidden_state  # (N, T, W)
        return self.proj(self.pooling(tokens))


class CoCaTower(nn.Module):
    """CONCH's tower: CLIP's, with an extra token behind the padded text."""

    def __init__(self, folder: Path, state: State) -> None:
        try:
            from open_clip.transformer import TextTransformer
        except ImportError as error:
            raise ImportError(
                f'text encoder {folder}: CONCH needs the package open_clip: '
                'pip install open_clip_torch (2.24.0 with torch 1.13).'
            ) from error
        super().__init__()
        positions, width = state['positional_embedding'].shape
        # In CONCH the token behind the text counts among the positions.
        self.longest = positions - 1
        self.text = TextTransformer(
            context_length=self.longest,
            vocab_size=state['token_embedding.weight'].shape[0],
            width=width,
            heads=width // _HEAD,
            layers=count_modules(state, 'transformer.resblocks.'),
            output_dim=state['text_projection'].shape[1],
            embed_cls=True,
            pad_id=0,
        )
        load_exactly(self.text, state, _REFUSAL.format(folder))

    def forward(self, ids: Tensor) -> Tensor:
        """Encode token numbers (N, T) into (N, D); the text is padded to the end."""
        return self.text(F.pad(ids, (0, self.longest - ids.shape[1])))


def _projection(folder: Path, state: State) -> nn.Module:
    def linear(name: str) -> nn.Linear:
        width_out, width_in = state[name].shape
        return nn.Linear(width_in, width_out, bias=False)

    if 'proj.weight' in state:
        return linear('proj.weight')
    if 'proj.0.weight' in state and 'proj.2.weight' in state:
        return nn.Sequential(
            linear('proj.0.weight'), nn.GELU(), linear('proj.2.weight')
        )
    raise ValueError(f'text encoder {folder}: its text tower has no projection.')
