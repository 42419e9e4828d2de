# The paper's protocol on PatchGastric, with draws, seeds and the ablations.
#
#   cite ann --draws 5
#   cite compare configs/compare/patchgastric.py --dry-run
#   cite compare configs/compare/patchgastric.py
#
# Every method is its config in configs/gastric: 1000 iterations of batch 128. CITE's is
# the released recipe. The others get its balance and its start of the prompt here; rows
# "as released" have neither. CITE's controls run beside it. Rates are those of the paper:
# `rates = [0.3, 1, 3]` would choose them on training slides, at 30 trainings a job. The
# paper takes only the k largest slides: set `draws = 0` for that, and omit --draws.
# Expect: see docs/COMPARE.md for the time and for what a second start does.
title = 'PatchGastric: three grades of gastric adenocarcinoma'
data_prefix = 'data/patches_captions/'
ann_root = 'data/gastric_cls3_ann/'
train = 'train_{shots}_0.2{draw}.txt'
val = 'val_0.8.txt'
captions = 'data/captions.csv'
# patient = 'patient'  # a column of the table, where patients are known
classes = [
    'Well differentiated tubular adenocarcinoma',
    'Moderately differentiated tubular adenocarcinoma',
    'Poorly differentiated adenocarcinoma',
]
shots = [1, 2, 4, 8, 16, 'all']
draws = 5
seeds = [0, 1]

baseline, recipe = 'configs/gastric/baseline', 'clip-vitb16_bs128_i1000.py'
zeroshot = f'{baseline}/zeroshot_{recipe}'
cite = 'configs/gastric/cite/clip-vitb16_biolinkbert-l_cb_bs128_i1000.py'
# Well, moderate and poor on an arc, 45 degrees apart.
arc = [[1, 0.7071, 0], [0.7071, 1, 0.7071], [0, 0.7071, 1]]
token = {'model.backbone.prompt_init': 'token'}
as_released = {'data.train.patch_balance': False}
options = {'data.train.patch_balance': True}
methods = {
    'cite': dict(label='CITE (released recipe)', config=cite),
    'cite-no-prompt': dict(
        label='CITE without prompt',
        config='configs/gastric/ablation/cite_no-prompt.py'),
    'similarity': dict(
        label='CITE, grades on an arc', type='similarity', config=cite, matrix=arc),
    'zero-shot': dict(label='Zero-shot', config=zeroshot, trained=False),
    'linear': dict(label='Linear', config=f'{baseline}/linear_{recipe}'),
    'fine-tune': dict(label='Fine-tune', config=f'{baseline}/finetune_{recipe}'),
    'vpt-shallow': dict(
        label='VPT shallow', config=f'{baseline}/vpt_{recipe}', options=token),
    'vpt-deep': dict(
        label='VPT deep', config=f'{baseline}/vpt-deep_{recipe}', options=token),
    'linear-released': dict(
        label='Linear, as released',
        config=f'{baseline}/linear_{recipe}',
        options=as_released),
    'vpt-released': dict(
        label='VPT shallow, as released',
        config=f'{baseline}/vpt_{recipe}',
        options=as_released),
    'text-probe': dict(
        label='Text-initialised probe', type='text_probe', config=zeroshot),
    'nearest-mean': dict(
        label='Nearest class mean', type='nearest_mean', config=zeroshot),
    'abmil': dict(label='ABMIL', type='abmil', config=zeroshot),
}
reference = 'cite'
