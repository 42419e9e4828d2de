# CITE of glas.py with its visual prompt and all its controls, on all training slides.
#
#   cite compare configs/compare/glas_prompt.py
#
# after the `cite ann` of glas.py, which explains folds and recipe.
_base_ = 'glas.py'

title = 'GlaS: grades of colorectal glands, CITE with its prompt'
shots = ['all']
draws = 5
seeds = [0]
methods = dict(
    _delete_=True,
    cite=dict(label='CITE', config='configs/glas/cite_vit-tiny_minilm.py'))
