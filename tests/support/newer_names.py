"""Names of weights of transformers 5, from those of 4."""

import re


def newer_names(kind, state):
    """Rename a state dict as transformers 5 writes ``torch.save(model.state_dict())``.

    Worked out by hand from its modules; what 4 and 5 have in common stays.
    """
    rules = {
        'vit': [
            ('^vit.', ''),
            ('attention.attention.(query|key|value)', r'attention.\1'),
            ('attention.output.dense', 'attention.o_proj'),
            ('intermediate.dense', 'mlp.fc1'),
            ('output.dense', 'mlp.fc2'),
            ('encoder.layer.', 'layers.'),
        ],
        'dinov2': [
            ('attention.attention.(query|key|value)', r'attention.\1'),
            ('attention.output.dense', 'attention.o_proj'),
        ],
        'tower': [('^vision_model.', '')],
        'gated': [
            ('attention.attention.(query|key|value)', r'attention.\1'),
            ('attention.output.dense', 'attention.o_proj'),
            ('weights_out', 'down_proj'),
        ],
        'swin': [
            ('.*relative_position_index', ''),
            (
                'attention.self.relative_position_bias_table',
                'attention.relative_position_bias.relative_position_bias_table',
            ),
            ('attention.self.(query|key|value)', r'attention.\1'),
            ('attention.output.dense', 'attention.o_proj'),
            ('intermediate.dense', 'mlp.fc1'),
            ('output.dense', 'mlp.fc2'),
        ],
    }[kind]
    new = {}
    for name, tensor in state.items():
        for old, written in rules:
            name = re.sub(old, written, name)
        name = re.sub(
            r'attention\.([qkv])(uery|ey|alue)\.', r'attention.\1_proj.', name
        )
        if 'weights_in' in name:
            gate, value = tensor.clone().chunk(2)
            new[name.replace('weights_in', 'gate_proj')] = gate
            new[name.replace('weights_in', 'up_proj')] = value.clone()
        elif name and not name.startswith('classifier'):
            new[name] = tensor
    return new
