import numpy as np
import torch
from torch.nn import functional as F

from .class_texts import check_shared_space, class_texts
from .features import features
from .job import JobInputs
from .scores import Scores
from .workspace import Workspace

SETTINGS = {'kappa': 1.0, 'paper_constants': False}


def ss_text(inputs: JobInputs, workspace: Workspace) -> Scores:
    """Classify by the mean of a class's slides and its text, in closed form.

    ``w_k = (n_k m_k + κ t_k) / (n_k + κ)``, with t_k the unit vector of the class's
    text, m_k the mean of its n_k training slides' mean unit features, and κ the number
    of slides that the text counts for. A patch's logits are ``s cos(f, w_k)``. Nothing
    is trained; the seed has no effect. The features must be in the texts' space.

    Source: Silva-Rodríguez et al., *Few-Shot, Now for Real: Medical VLMs Adaptation
    without Balanced Sets or Validation* (SS-Text), MICCAI 2025, arXiv:2506.17500,
    section 3. With its own constants, λ = 1 / N, a slide counts s times as much as the
    text: κ = 1 / s.

    Args:
        inputs: inputs of the job; the config has texts. Settings: ``kappa`` (1), and
            ``paper_constants``, for κ = 1 / s.
        workspace: where the method works.

    Raises:
        ValueError: the texts are embedded in another width than the images.
    """
    options = inputs.settings(SETTINGS)
    texts = class_texts(inputs, workspace)
    train, test = (features(inputs, workspace, f).unit() for f in ('train', 'val'))
    check_shared_space(inputs, texts, train.values.shape[1])
    kappa = 1 / texts.scale if options['paper_constants'] else options['kappa']
    means, labels = train.slide_means(), train.slide_labels()
    members = labels == np.arange(len(inputs.classes))[:, None]  # (K, B)
    weights = members @ means + kappa * texts.vectors.numpy()  # (K, D), up to a factor
    unit = F.normalize(torch.from_numpy(weights).float(), dim=1)
    logits = texts.scale * torch.from_numpy(test.values) @ unit.t()
    return Scores(patches=logits.softmax(1).numpy())
