import numpy as np
from sklearn.linear_model import LogisticRegression

from .features import features
from .job import JobInputs
from .scores import Scores
from .workspace import Workspace

SETTINGS = {'cost': 0.0}
_MOST_STEPS = 1000  # as in the source


def slide_linear(inputs: JobInputs, workspace: Workspace) -> Scores:
    """Fit multinomial logistic regression on the slides' mean features, to its optimum.

    Minimises ``½ ‖W‖² + C Σ_b w_b CE(W x_b, y_b)`` by L-BFGS, with x_b the mean
    feature of slide b, C = D K / 100, and w_b such that classes count alike (their
    mean is 1). Nothing is tuned; the seed has no effect.

    Source: Chen et al., *Towards a General-Purpose Foundation Model for Computational
    Pathology* (UNI), Nature Medicine 2024, Methods, for C and the number of steps.

    Args:
        inputs: inputs of the job. Setting: ``cost``, another C; 0 for D K / 100.
        workspace: where the method works.
    """
    train, test = (features(inputs, workspace, file) for file in ('train', 'val'))
    means, classes = train.slide_means(), len(inputs.classes)
    cost = inputs.settings(SETTINGS)['cost'] or means.shape[1] * classes / 100
    # With two classes scikit-learn fits the difference w of both rows, whose penalty
    # ½ ‖w‖² is twice that of the rows ±½ w.
    model = LogisticRegression(
        C=cost * (2 if classes == 2 else 1),
        class_weight='balanced',
        max_iter=_MOST_STEPS,
        tol=1e-6,
    )
    labels = train.slide_labels()
    model.fit(means, labels)
    _record_loss(workspace, model.predict_proba(means), labels)
    scores = model.predict_proba(test.slide_means())  # (B, K)
    return Scores(slides=scores.astype(np.float32))


def _record_loss(workspace: Workspace, scores: np.ndarray, labels: np.ndarray) -> None:
    """Record the loss at the optimum, classes alike, where it falls no further."""
    nats = -np.log(np.clip(scores[np.arange(len(labels)), labels], 1e-12, None))
    loss = float(np.mean([nats[labels == k].mean() for k in np.unique(labels)]))
    workspace.record(loss=loss, loss_before=loss)
