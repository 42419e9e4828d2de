"""Low-rank adapters in frozen models, by peft.

Source: Hu et al., *LoRA: Low-Rank Adaptation of Large Language Models*, ICLR 2022,
arXiv:2106.09685.
"""

from collections.abc import Mapping
from typing import Any, Optional

from torch import nn

# Ends of the names of layers that are adapted by default: separate queries and values,
# or the whole fused projection, and DCNv3's input.
ATTENTION = ('qkv', 'q_proj', 'v_proj', 'query', 'value', 'input_proj')
# OpenAI's CLIP computes its attention from a bare parameter.
FEED_FORWARD = ('c_fc', 'c_proj')


def add_lora(model: nn.Module, options: Mapping[str, Any]) -> None:
    """Put low-rank adapters into a frozen model, in place; only they are trained.

    The adapted layers' own weights are called ``….base_layer.weight`` from then on.

    Args:
        model: the frozen model.
        options: peft's ``LoraConfig``: ``r`` (rank), ``lora_alpha``, ``lora_dropout``,
            ``target_modules`` (default: the projections of attention, else the 3x3
            convolutions), ….

    Raises:
        ImportError: peft is not installed.
        ValueError: an option that peft does not have, no layer with these names, or an
            attention that does not call its layers.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise ImportError(
            'lora=dict(…) needs peft: pip install peft==0.17.1.'
        ) from error
    options = dict(options)
    targets = options.pop('target_modules', None) or default_targets(model)
    try:
        config = LoraConfig(target_modules=targets, **options)
        inject_adapter_in_model(config, model)
    except (TypeError, ValueError) as error:
        raise ValueError(f'lora={options} does not fit the model: {error}') from error
    for name, module in model.named_modules():
        if isinstance(getattr(module, 'base_layer', None), nn.MultiheadAttention):
            raise ValueError(
                f'lora names {name}, whose bare weights our faster attention reads '
                'past the adapter. Choose out_proj, c_fc or c_proj.'
            )
    # peft builds adapters in training mode.
    model.eval()


def default_targets(model: nn.Module) -> list[str]:
    """Return the full names of the layers that LoRA adapts unless told otherwise."""
    # CLIP's ResNets pool with these layers' bare weights: LoRA has no effect there.
    layers = {name: m for name, m in model.named_modules() if 'attnpool' not in name}
    for ends in (ATTENTION, FEED_FORWARD):
        names = [
            name
            for name, layer in layers.items()
            if isinstance(layer, nn.Linear) and name.rpartition('.')[2] in ends
        ]
        if names:
            return names
    return [
        name
        for name, layer in layers.items()
        if isinstance(layer, nn.Conv2d)
        and layer.kernel_size == (3, 3)
        and layer.groups == 1
    ]


def train_dropout(model: Optional[nn.Module], mode: bool) -> None:
    """Set the mode of the adapters' dropout, in a model that stays in eval mode."""
    for name, module in model.named_modules() if model is not None else ():
        if 'lora_dropout' in name:
            module.train(mode)
