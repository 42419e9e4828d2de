# Real tissue: three grades of colorectal glands, 85 fields of 15 patients, with real
# ViT-tiny and MiniLM (configs/glas/README.md names their sources).
#
#   cite ann --data-path data/glas --out data/glas/ann_compare \
#       --classes configs/glas/classes.yml --group-by patient --val 0.5 --shots 1 2 4
#   cite compare configs/compare/glas.py
#
# The fields are dealt into 5 parts by patient, and each is tested once by models that
# saw none of its patients; every draw deals them anew. All methods have one recipe, small
# enough for a CPU: images of 128 pixels, 160 iterations of 12 patches, classes in
# rotation, bf16, and Adam at 0.001 with cosine. After the 40 iterations of an earlier
# recipe the losses were still at chance. Nothing was tuned; only fine-tuning has another
# rate, a tenth. Zero-shot and the text-initialised probe are missing, because they need
# one space for images and texts, which these models do not have.
#
# Expect 1950 jobs; by arithmetic about 18 hours on one CPU core. It has not been run:
# configs/compare/glas_features.py, the part without prompts on cached features, has.
title = 'GlaS: grades of colorectal glands'
data_prefix = 'data/glas/patches_captions/'
ann_root = 'data/glas/ann_compare/'
train = 'train_{shots}_0.5{draw}.txt'
val = 'val_0.5.txt'
captions = 'data/glas/captions.csv'
patient = 'patient'
classes = [
    'Benign glands',
    'Moderately differentiated adenocarcinoma',
    'Poorly differentiated adenocarcinoma',
]
shots = [1, 4, 'all']
draws = 5
seeds = [0, 1]
folds = 5

options = {
    'model.precision': 'bf16',
    'data.samples_per_gpu': 12,
    'data.workers_per_gpu': 0,
    'data.train.pipeline.0.size': 128,
    'data.val.pipeline.0.size': 128,
    'data.test.pipeline.0.size': 128,
    'data.train.patch_balance': True,
    'runner.max_iters': 160,
    'lr_config.warmup_iters': 16,
    'optimizer.type': 'Adam',
    'optimizer.lr': 0.001,
}
folder = 'configs/glas'
# Benign, moderate and poor on an arc, 45 degrees apart: what a pathologist could say of
# the grades without a language model.
arc = [[1, 0.7071, 0], [0.7071, 1, 0.7071], [0, 0.7071, 1]]
cite = f'{folder}/cite_vit-tiny_minilm.py'
linear = f'{folder}/linear_vit-tiny.py'
token = {'model.backbone.prompt_init': 'token'}  # as CITE's
methods = {
    'cite': dict(label='CITE', config=cite),
    'similarity': dict(
        label='CITE, grades on an arc', type='similarity', config=cite, matrix=arc),
    'cite-no-prompt': dict(
        label='CITE without prompt',
        config=f'{folder}/neck_vit-tiny_minilm.py',
        features=4),
    'linear': dict(label='Linear', config=linear, features=4),
    'vpt-shallow': dict(
        label='VPT shallow', config=f'{folder}/vpt_vit-tiny.py', options=token),
    'vpt-deep': dict(
        label='VPT deep', config=f'{folder}/vpt-deep_vit-tiny.py', options=token),
    'fine-tune': dict(
        label='Fine-tune',
        config=f'{folder}/finetune_vit-tiny.py',
        options={'optimizer.lr': 0.0001}),
    'nearest-mean': dict(
        label='Nearest class mean', type='nearest_mean', config=linear),
    'abmil': dict(label='ABMIL', type='abmil', config=linear),
}
reference = 'cite'
