# The paper's protocol on PatchGastric, with draws, seeds and the ablations.
#
#   cite ann --draws 5
#   cite compare configs/compare/patchgastric.py --dry-run
#   cite compare configs/compare/patchgastric.py
#
# Every method is its config in configs/gastric: 1000 iterations of batch 128. The paper
# takes only the k largest slides: set `draws = 0` for that, and omit --draws.
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
methods = {
    'cite': dict(
        label='CITE',
        config='configs/gastric/cite/clip-vitb16_biolinkbert-l_cb_bs128_i1000.py'),
    'cite-no-prompt': dict(
        label='CITE without prompt',
        config='configs/gastric/ablation/cite_no-prompt.py'),
    'cite-no-text': dict(
        label='CITE without text',
        config='configs/gastric/ablation/cite_no-text.py',
        seed_keys=['model.head.text_encoder.seed']),
    'zero-shot': dict(label='Zero-shot', config=zeroshot, trained=False),
    'linear': dict(label='Linear', config=f'{baseline}/linear_{recipe}'),
    'fine-tune': dict(label='Fine-tune', config=f'{baseline}/finetune_{recipe}'),
    'vpt-shallow': dict(label='VPT shallow', config=f'{baseline}/vpt_{recipe}'),
    'vpt-deep': dict(label='VPT deep', config=f'{baseline}/vpt-deep_{recipe}'),
    'text-probe': dict(
        label='Text-initialised probe', type='text_probe', config=zeroshot),
    'nearest-mean': dict(
        label='Nearest class mean', type='nearest_mean', config=zeroshot),
    'abmil': dict(label='ABMIL', type='abmil', config=zeroshot),
}
reference = 'cite'
