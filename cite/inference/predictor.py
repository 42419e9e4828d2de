"""A model that was passed on, at work: patches in, probabilities out."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional, Union

import numpy as np
import torch
from torch import Tensor

from cite.core.messages import count, first_line

from .image_pipeline import ImagePipeline, PatchSources, Source
from .model_folder.network import build_network
from .model_folder.read import read_model
from .scorer import Scorer
from .texts import Texts, embed_texts, read_texts, require_texts

if TYPE_CHECKING:
    from .predict.slide_result import SlideResult


class Predictor:
    """Score images, or stored features, with a model folder of ``cite export``.

    On a CPU an image's scores do not depend on batches, workers and threads, and equal
    those of ``mim test`` bit for bit.

    Example::

        predictor = Predictor('grades/')
        predictor.predict_patches(['a.png', 'b.png'])  # (2, K)

    Args:
        folder: the model folder.
        device: where to compute; by default the GPU, if there is one.
        texts: other descriptions of the classes, in their order, or a YAML file that
            maps class names to them; encoded by the model's text encoder.
        weights: file or folder of the frozen backbone, if it is not where the folder
            says.

    Raises:
        FileNotFoundError: the folder, a file of it, or the frozen weights are missing.
        ValueError: the folder is damaged, the weights are others, or the device
            cannot be used.
    """

    def __init__(
        self,
        folder: Union[str, Path],
        device: Union[str, torch.device, None] = None,
        texts: Optional[Texts] = None,
        weights: Union[str, Path, None] = None,
    ) -> None:
        self.model = read_model(folder)
        self.device = _usable(device)
        file = None if weights is None else str(weights)
        self.network: Any = build_network(self.model, file)
        image = self.model.config['image']
        self.pipeline = None if image is None else ImagePipeline(image)
        self.classes, self.texts = list(self.model.classes), self.model.texts
        if texts is not None:
            self._reword(texts)
        self._scorer = Scorer(self.network, self.device)

    def predict_patches(
        self, images: Sequence[Source], batch_size: int = 32, workers: int = 0
    ) -> np.ndarray:
        """Return the probabilities of images, (N, K) float32.

        Args:
            images: paths, images of PIL's, or (h, w, 3) uint8 arrays, RGB.
            batch_size: images that are loaded together.
            workers: processes that load them.

        Raises:
            ValueError: an image cannot be read, or the model takes features.
        """
        return self._run(images, batch_size, workers)[1]

    def embed_images(
        self, images: Sequence[Source], batch_size: int = 32, workers: int = 0
    ) -> np.ndarray:
        """Return the features of images, (N, D) float32, before neck and head.

        Texts are compared with what :meth:`project` makes of them.
        """
        return self._run(images, batch_size, workers)[0]

    def project(self, features: np.ndarray) -> np.ndarray:
        """Take features of :meth:`embed_images` to where the texts are, (N, T) float32.

        :attr:`scale` times the cosine with :meth:`embed_texts` gives the model's
        logits, whose softmax is what :meth:`predict_patches` returns::

            images = predictor.project(predictor.embed_images(paths))  # (N, T)
            texts = predictor.embed_texts(['mucin', 'necrosis'])  # (2, T)

        Args:
            features: (N, D), also those that ``cite predict --features`` stores.

        Raises:
            ValueError: the model has no texts, or features of another shape.
        """
        require_texts(self.network.head, str(self.model.folder))
        return self._scorer.project(features)

    @property
    def scale(self) -> float:
        """Factor of the cosine in the logits, ``exp(temperature)``.

        Raises:
            ValueError: the model has no texts.
        """
        require_texts(self.network.head, str(self.model.folder))
        return float(self.network.head.scale())

    def embed_texts(self, texts: Texts) -> np.ndarray:
        """Return the embeddings of descriptions of classes, (K, T) float32.

        Raises:
            ValueError: the model has no texts.
            FileNotFoundError: its language model is not here.
        """
        return self._embed(read_texts(texts)[0]).numpy()

    def score(self, features: np.ndarray) -> np.ndarray:
        """Return the probabilities of features of :meth:`embed_images`, (N, K) float32.

        The numbers are those of :meth:`predict_patches` bit for bit on a CPU.
        """
        return self._scorer.score(features)

    def predict_slide(
        self,
        path: Union[str, Path],
        mpp: Optional[float] = None,
        roi: Union[str, Path, None] = None,
        stride: float = 1.0,
        batch_size: int = 64,
        workers: int = 0,
        slide: str = 'prefix',
    ) -> 'SlideResult':
        """Predict a slide file, or a folder of one slide's patches.

        Args:
            path: the file or folder.
            mpp: µm a pixel of level 0, instead of what the file says.
            roi: GeoJSON of the area to predict, instead of the tissue that is found.
            stride: step of the tiles, in tiles.
            batch_size: tiles that are loaded together.
            workers: processes that load them.
            slide: which slide a patch of a folder belongs to, as data sets take it.

        Returns:
            ``.probabilities`` (K,), ``.tiles`` (a DataFrame), ``.plot()`` and more.

        Raises:
            FileNotFoundError: the file is missing.
            ValueError: it cannot be read, has no scale or no tissue.
        """
        from .predict.answer_slide import Options, open_source
        from .predict.jobs import find_jobs
        from .predict.predict_slide import Load, predict_source

        self._require_pipeline()
        scale = None if mpp is None else str(mpp)
        area = None if roi is None else Path(roi)
        jobs = find_jobs([path], scale, area, slide)
        if len(jobs) != 1:
            raise ValueError(f'{path} holds {len(jobs)} slides; name one of them.')
        source = open_source(self, jobs[0], Options(stride))
        return predict_source(self, source, Load(batch_size, workers))

    def dataset(self, images: Sequence[Source]) -> PatchSources:
        """Return a data set of model inputs for torch's loader.

        Raises:
            TypeError: one image instead of a list.
        """
        return PatchSources(self._require_pipeline(), images)

    def pixels(self, image: Source) -> Tensor:
        """Return the model's input of an image, (3, size, size); for a worker."""
        return self._require_pipeline()(image)

    def forward(self, batch: Tensor) -> tuple[np.ndarray, np.ndarray]:
        """Return features (N, D) and probabilities (N, K) of inputs (N, 3, size, size).

        Args:
            batch: what :meth:`pixels` returned, stacked.
        """
        return self._scorer.forward(batch, self._require_pipeline().meta())

    def _run(
        self, images: Sequence[Source], batch_size: int, workers: int
    ) -> tuple[np.ndarray, np.ndarray]:
        batches = self.dataset(images).batches(batch_size, workers)
        results = [self.forward(batch) for batch in batches]
        if not results:
            return self._scorer.stacked([], 0), self._scorer.stacked([])
        features, scores = zip(*results)
        return np.concatenate(features), np.concatenate(scores)

    def _require_pipeline(self) -> ImagePipeline:
        if self.pipeline is None:
            raise ValueError(
                f'{self.model.folder} takes features, not images: it was trained on '
                'extracted ones, and their backbone is not in it. Score features '
                '(Predictor.score), or export it again with the config of the images, '
                'which has the backbone.'
            )
        return self.pipeline

    def _embed(self, entries: list[Any]) -> Tensor:
        owner = str(self.model.folder)
        return embed_texts(self.network.head, entries, self.texts, owner)

    def _reword(self, texts: Texts) -> None:
        entries, classes = read_texts(texts)
        embeddings = self._embed(entries)
        if classes is None and len(entries) != len(self.classes):
            known = count(len(self.classes), 'class')
            raise ValueError(
                f'{count(len(entries), "text")} for {known} '
                f'({", ".join(self.classes)}). Give one for each, or a YAML file that '
                'names other classes.'
            )
        head = self.network.head
        head.texts, head.num_classes = entries, len(entries)
        head.text_embeddings = embeddings.to(self.device)
        self.texts, self.classes = entries, classes or self.classes


def _usable(device: Union[str, torch.device, None]) -> torch.device:
    """Return a device that is there: by default the GPU, if there is one."""
    default = 'cuda' if torch.cuda.is_available() else 'cpu'
    try:
        return torch.zeros(0, device=device or default).device
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            f'device {str(device)!r} cannot be used: {first_line(error)[:200]} Give '
            'cpu, or a GPU such as cuda:0.'
        ) from error
