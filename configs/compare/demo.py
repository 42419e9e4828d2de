# All methods on synthetic slides: `make compare-demo` makes them and runs this.
# cite compare configs/compare/demo.py
# The models have random weights: the report is real, but its ranking of methods means
# nothing.
import os

data_root = os.environ.get('DEMO_DATA', 'data/demo')
title = 'Synthetic slides of three grades, small models of random weights'
data_prefix = f'{data_root}/patches_captions/'
ann_root = f'{data_root}/gastric_cls3_ann/'
train = 'train_{shots}_0.5{draw}.txt'
val = 'val_0.5.txt'
captions = f'{data_root}/captions.csv'
classes = ['Well differentiated', 'Moderately differentiated', 'Poorly differentiated']
shots = [1, 4, 'all']
draws = 2
seeds = [0]

# One recipe for all: 60 iterations of 16 patches, classes in rotation, prompts that start
# at a token. Images are loaded in the process itself, where all its jobs share the
# decoded ones.
options = {
    'runner.max_iters': 60,
    'data.samples_per_gpu': 16,
    'data.workers_per_gpu': 0,
    'data.train.patch_balance': True,
}
token = {'model.backbone.prompt_init': 'token'}
folder = 'configs/demo/methods'
cite = 'configs/demo/cite_tiny-clip_tiny-bert.py'
zeroshot = f'{folder}/zeroshot.py'
methods = {
    'zero-shot': dict(
        label='Zero-shot', config=zeroshot, trained=False),
    'linear': dict(label='Linear', config=f'{folder}/linear.py', features=8),
    'fine-tune': dict(label='Fine-tune', config=f'{folder}/finetune.py'),
    'vpt-shallow': dict(
        label='VPT shallow', config=f'{folder}/vpt.py', options=token),
    'vpt-deep': dict(label='VPT deep', config=f'{folder}/vpt-deep.py', options=token),
    # Beside it run its controls: rotated and permuted texts, and random vectors.
    'cite': dict(label='CITE', config=cite),
    'similarity': dict(
        label='CITE, grades on an arc',
        type='similarity',
        config=cite,
        matrix=[[1, 0.7071, 0], [0.7071, 1, 0.7071], [0, 0.7071, 1]]),
    'cite-no-prompt': dict(
        label='CITE without prompt',
        config=f'{folder}/cite_no-prompt.py',
        features=8),
    'text-probe': dict(
        label='Text-initialised probe', type='text_probe', config=zeroshot),
    'nearest-mean': dict(
        label='Nearest class mean', type='nearest_mean', config=zeroshot),
    # On bags: a slide's patches together, not one by one.
    'slide-linear': dict(
        label='Linear on slide means', type='slide_linear', config=zeroshot),
    'abmil': dict(label='ABMIL', type='abmil', config=zeroshot),
    'dtfd': dict(label='DTFD-MIL', type='dtfd', config=zeroshot, epochs=50),
    'text-mil': dict(label='CITE on bags', type='text_mil', config=zeroshot),
}
reference = 'cite'
# Each of these trains ten times more, without some of the training slides.
held_out = ['linear', 'nearest-mean', 'slide-linear', 'abmil']
