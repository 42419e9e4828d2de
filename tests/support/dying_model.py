"""A model that ends its process at tiles of one colour, as a crash does."""

import os
import signal

from cite.inference.predictor import Predictor

BLUISH = (135, 100, 190)


class DyingPipeline:
    """A model's pipeline that does not survive bluish tiles."""

    def __init__(self, pipeline):
        self.pipeline = pipeline
        self.item_bytes, self.float_bytes = pipeline.item_bytes, pipeline.float_bytes

    def __call__(self, image):
        red, _, blue = image.reshape(-1, 3).mean(0)
        if blue > red + 20:
            os.kill(os.getpid(), signal.SIGKILL)
        return self.pipeline(image)

    def meta(self):
        return self.pipeline.meta()


def dying_predictor(model):
    """Return a predictor that dies with bluish slides."""
    predictor = Predictor(model, 'cpu')
    predictor.pipeline = DyingPipeline(predictor.pipeline)
    return predictor
