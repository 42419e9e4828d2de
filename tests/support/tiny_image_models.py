"""Small image models of transformers, by kind: functions that build them."""

from transformers import (
    BitConfig,
    BitModel,
    CLIPConfig,
    CLIPModel,
    Dinov2Config,
    Dinov2Model,
    Dinov2WithRegistersConfig,
    Dinov2WithRegistersModel,
    SwinConfig,
    SwinModel,
    ViTConfig,
    ViTForImageClassification,
)

SIZES = {
    'hidden_size': 32,
    'num_hidden_layers': 3,
    'num_attention_heads': 2,
    'image_size': 32,
    'patch_size': 8,
}


def clip():
    vision = {**SIZES, 'intermediate_size': 64}
    text = {'hidden_size': 16, 'num_hidden_layers': 1, 'num_attention_heads': 1}
    return CLIPModel(CLIPConfig(vision_config=vision, text_config=text))


MODELS = {
    'vit': lambda: ViTForImageClassification(ViTConfig(**SIZES, intermediate_size=64)),
    'dinov2': lambda: Dinov2Model(Dinov2Config(**SIZES)),
    'gated': lambda: Dinov2Model(Dinov2Config(**SIZES, use_swiglu_ffn=True)),
    'registers': lambda: Dinov2WithRegistersModel(
        Dinov2WithRegistersConfig(**SIZES, num_register_tokens=2)
    ),
    'clip': clip,
    'swin': lambda: SwinModel(
        SwinConfig(
            image_size=32, embed_dim=8, depths=[1, 1], num_heads=[1, 2], window_size=4
        )
    ),
    'bit': lambda: BitModel(
        BitConfig(embedding_size=32, hidden_sizes=[32, 64], depths=[1, 1], num_groups=8)
    ),
}
