import numpy as np
import torch

from .class_texts import check_shared_space, class_texts
from .features import features
from .job import JobInputs
from .scores import Scores
from .workspace import Workspace

SETTINGS = {'top': 10, 'description': 0}


def zero_shot_pool(inputs: JobInputs, workspace: Workspace) -> Scores:
    """Classify a slide by the patches that are most like each class's text.

    A slide's logit of class k is the mean of its ``top`` largest cosines with the
    text's vector; probabilities are the softmax of the logits times the model's scale.
    Nothing is trained; the features must be in the texts' space.

    Source: Lu et al., *Visual Language Pretrained Multiple Instance Zero-Shot Transfer
    for Histopathology Images* (MI-Zero), CVPR 2023, arXiv:2306.07831, section 3.2.

    Args:
        inputs: inputs of the job; the config has texts. Settings: ``top`` (10), fixed
            in advance, where 0 takes all patches, their mean; ``description``, the
            number of the only description of each class to use, from 1: rows of several
            show how much the wording decides.
        workspace: where the method works.

    Raises:
        ValueError: the texts are embedded in another width than the images.
    """
    options = inputs.settings(SETTINGS)
    texts = class_texts(inputs, workspace, options['description'])
    test = features(inputs, workspace, 'val').unit()
    check_shared_space(inputs, texts, test.values.shape[1])
    vectors = texts.vectors.numpy()
    logits = [_pool(slide @ vectors.T, options['top']) for slide in test.of_slides()]
    patches = torch.from_numpy(test.values @ vectors.T)
    slides = torch.from_numpy(np.stack(logits))  # (B, K)
    return Scores(
        patches=(texts.scale * patches).softmax(1).numpy(),
        slides=(texts.scale * slides).softmax(1).numpy(),
    )


def _pool(cosines: np.ndarray, top: int) -> np.ndarray:
    """Return the mean of the largest cosines (n, K) of each class, (K,)."""
    if 0 < top < len(cosines):
        cosines = np.partition(cosines, len(cosines) - top, axis=0)[-top:]
    return cosines.mean(0)
