# Real tissue: three grades of colorectal glands, 85 fields of 15 patients, with real
# ViT-tiny, Hiera-tiny and MiniLM (configs/glas/README.md names their sources).
#
#   cite ann --data-path data/glas --out data/glas/ann_compare \
#       --classes configs/glas/classes.yml --group-by patient --val 0.5 \
#       --shots 1 2 4 --draws 5
#   cite compare configs/compare/glas.py
#
# Expect 430 jobs, an hour on one CPU core.
#
# All methods have one recipe, small enough for a CPU: images of 128 pixels (a third of
# the cost of 224; Hiera does not accept 112), 40 iterations of 12 patches, classes in
# rotation, bf16, and Adam at 0.001 with cosine, because its step does not depend on the
# size of the features and Hiera's are small. Nothing was tuned. Only fine-tuning has
# another rate, a tenth, and two of the five draws.
# Methods with a frozen backbone train on 4 augmented draws of each patch's features.
# Zero-shot and the text-initialised probe are missing, because they need one space for
# images and texts, which these models do not have.
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
shots = [1, 2, 4, 'all']
draws = 5
seeds = [0, 1]

options = {
    'model.precision': 'bf16',
    'data.samples_per_gpu': 12,
    'data.workers_per_gpu': 0,
    'data.train.pipeline.0.size': 128,
    'data.val.pipeline.0.size': 128,
    'data.test.pipeline.0.size': 128,
    'data.train.patch_balance': True,
    'runner.max_iters': 40,
    'lr_config.warmup_iters': 4,
    'optimizer.type': 'Adam',
    'optimizer.lr': 0.001,
}
folder = 'configs/glas'
no_text = ['model.head.text_encoder.seed']
methods = {
    'vit-cite': dict(
        label='CITE, ViT-tiny', config=f'{folder}/cite_vit-tiny_minilm.py'),
    'vit-cite-no-prompt': dict(
        label='CITE without prompt, ViT-tiny',
        config=f'{folder}/neck_vit-tiny_minilm.py',
        features=4),
    'vit-cite-no-text': dict(
        label='CITE without text, ViT-tiny',
        config=f'{folder}/cite_vit-tiny_no-text.py',
        seed_keys=no_text),
    'vit-linear': dict(
        label='Linear, ViT-tiny', config=f'{folder}/linear_vit-tiny.py', features=4),
    'vit-vpt-shallow': dict(
        label='VPT shallow, ViT-tiny', config=f'{folder}/vpt_vit-tiny.py'),
    'vit-vpt-deep': dict(
        label='VPT deep, ViT-tiny', config=f'{folder}/vpt-deep_vit-tiny.py'),
    'vit-fine-tune': dict(
        label='Fine-tune, ViT-tiny',
        config=f'{folder}/finetune_vit-tiny.py',
        options={'optimizer.lr': 0.0001},
        draws=2),
    'vit-nearest-mean': dict(
        label='Nearest class mean, ViT-tiny',
        type='nearest_mean',
        config=f'{folder}/linear_vit-tiny.py'),
    'vit-abmil': dict(
        label='ABMIL, ViT-tiny', type='abmil', config=f'{folder}/linear_vit-tiny.py'),
    'hiera-cite': dict(
        label='CITE (no prompt), Hiera-tiny',
        config=f'{folder}/cite_hiera-tiny_minilm.py',
        features=4),
    'hiera-cite-no-text': dict(
        label='CITE (no prompt) without text, Hiera-tiny',
        config=f'{folder}/cite_hiera-tiny_no-text.py',
        seed_keys=no_text,
        features=4),
    'hiera-linear': dict(
        label='Linear, Hiera-tiny',
        config=f'{folder}/linear_hiera-tiny.py',
        features=4),
    'hiera-nearest-mean': dict(
        label='Nearest class mean, Hiera-tiny',
        type='nearest_mean',
        config=f'{folder}/linear_hiera-tiny.py'),
    'hiera-abmil': dict(
        label='ABMIL, Hiera-tiny',
        type='abmil',
        config=f'{folder}/linear_hiera-tiny.py'),
}
reference = 'vit-cite'
