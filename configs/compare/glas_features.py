# The methods of glas.py that train on cached features of the frozen ViT-tiny: CITE
# without prompt with all its controls, and bag methods.
#
#   cite compare configs/compare/glas_features.py
#
# after the `cite ann` of glas.py, which explains folds and recipe.
# Expect 450 jobs: five minutes on two cores beside other work, four minutes of
# processor time (docs/COMPARE_GLAS.md).
_base_ = 'glas.py'

title = 'GlaS: grades of colorectal glands, on cached features'
shots = ['all']
seeds = [0, 1]
held_out = False
folder = 'configs/glas'
arc = [[1, 0.7071, 0], [0.7071, 1, 0.7071], [0, 0.7071, 1]]
neck = f'{folder}/neck_vit-tiny_minilm.py'
linear = f'{folder}/linear_vit-tiny.py'
methods = dict(
    _delete_=True,
    **{
        'cite': dict(label='CITE without prompt', config=neck, features=4),
        'similarity': dict(
            label='CITE without prompt, grades on an arc',
            type='similarity',
            config=neck,
            features=4,
            matrix=arc),
        'linear': dict(label='Linear', config=linear, features=4),
        'nearest-mean': dict(
            label='Nearest class mean', type='nearest_mean', config=linear),
        'abmil': dict(label='ABMIL', type='abmil', config=linear),
    })
