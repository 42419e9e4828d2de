from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Union

import torch
from mmcls.models.heads import ClsHead as _ClsHead
from torch import Tensor

from cite.models.class_token import class_token
from cite.models.half_precision import half_on_gpu

from .cosine import cosine_logits
from .text_source import (
    average,
    check_texts,
    descriptions,
    pack,
    text_differences,
    unpack,
)


class TextBufferHead(_ClsHead):
    """Classify by the cosine between image features and text embeddings.

    The embeddings are worked out when first needed, then live in buffers: checkpoints
    hold them, devices move them, and a checkpoint that has them makes the language
    model needless. A checkpoint without them (a released one) loads as well.

    Args:
        texts: for each class, in the order of the labels, one description or a list
            of several, whose embeddings are averaged (:func:`.text_source.average`); or
            the path of a YAML file of them (:mod:`cite.models.heads.caption_file`).
        text_encoder: turns K texts into (K, D); see
            :class:`cite.models.text_encoders.BaseTextEncoder`.
        float16: multiply in fp16 on a GPU. The loss stays fp32.
        **kwargs: mmcls ``ClsHead``'s ``loss``, ``topk``, ``cal_acc`` and ``init_cfg``.
    """

    #: Buffers that are None until the texts are encoded.
    text_state: tuple[str, ...] = ('text_embeddings', 'text_source')

    def __init__(
        self,
        texts: Union[str, Sequence[Union[str, Sequence[str]]]],
        text_encoder: Any,
        float16: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.texts = check_texts(texts)
        self.num_classes = len(self.texts)
        self.float16 = float16
        # No child: a text encoder belongs in no checkpoint and on no GPU.
        self.__dict__['text_encoder'] = text_encoder
        for name in self.text_state:
            self.register_buffer(name, None)

    @abstractmethod
    def scale(self) -> Union[float, Tensor]:
        """Return what the cosine is multiplied with."""

    def encode_texts(self) -> Tensor:
        """Encode the texts unless that is done; returns the embeddings (K, D)."""
        if self.text_embeddings is None:
            # Evaluation may come first, under inference_mode, and training later.
            with torch.inference_mode(False), torch.no_grad():
                state = {**self._encode(), 'text_source': pack(self._source())}
            for name in self.text_state:
                setattr(self, name, state[name])
        return self.text_embeddings

    def pre_logits(self, x: Any) -> Tensor:
        """Pick the features (N, D) out of the neck's or backbone's output."""
        return class_token(x)

    def forward(self, x: Any) -> Tensor:
        """Compute fp32 logits (N, K)."""
        x = self.pre_logits(x)  # (N, D)
        self._check_width(x.shape[1], self.encode_texts().shape[1])
        self._move_texts(x.device)
        half = half_on_gpu(self.float16, x.device)
        return cosine_logits(x, self.text_embeddings, self.scale(), half)

    def forward_train(self, x: Any, gt_label: Tensor, **kwargs: Any) -> dict[str, Any]:
        """Compute the losses of features and labels (N,)."""
        self._check_labels(gt_label)
        return self.loss(self(x), gt_label, **kwargs)

    def simple_test(
        self, x: Any, softmax: bool = True, post_process: bool = True
    ) -> Any:
        """Compute softmax scores or logits, see mmcls' ``ClsHead``."""
        return super().simple_test(self(x), softmax, post_process)

    def text_width(self) -> int:
        """Return D; the texts are encoded where nothing else tells it."""
        if self.text_embeddings is None:
            known = getattr(self.text_encoder, 'width', None)
            width = known() if callable(known) else None
            if width is not None:
                return width
        return self.encode_texts().shape[1]

    def _encode(self) -> dict[str, Tensor]:
        flat = [text for entry in self.texts for text in descriptions(entry)]
        encoded = self._encode_flat(flat)
        embeddings = encoded['text_embeddings'].detach().float()
        if embeddings.dim() != 2 or len(embeddings) != len(flat):
            raise ValueError(
                f'the text encoder made {tuple(embeddings.shape)} of '
                f'{len(flat)} texts; it must make ({len(flat)}, D).'
            )
        return {**encoded, 'text_embeddings': self._averaged(embeddings)}

    def _encode_flat(self, texts: list[str]) -> dict[str, Tensor]:
        return {'text_embeddings': self.text_encoder(texts)}

    def _averaged(self, embeddings: Tensor) -> Tensor:
        """Average (M, D) of all descriptions; of another number of texts keep them."""
        number = sum(len(descriptions(entry)) for entry in self.texts)
        return (
            average(embeddings, self.texts) if len(embeddings) == number else embeddings
        )

    def _source(self) -> dict[str, Any]:
        describe = getattr(self.text_encoder, 'source', None)
        own = describe() if describe else {'encoder': type(self.text_encoder).__name__}
        return {**own, 'texts': self.texts}

    def _move_texts(self, device: torch.device) -> None:
        if self.text_embeddings.device == device:
            return
        with torch.inference_mode(False):
            for name in self.text_state:
                buffer = getattr(self, name)
                setattr(self, name, None if buffer is None else buffer.to(device))

    def _check_width(self, width: int, text_width: int) -> None:
        if width != text_width:
            raise ValueError(
                f'the image features are {width} wide, the text embeddings '
                f'{text_width}. Set model.neck.out_features={text_width}, or to None, '
                'which finds it, or choose another model.head.text_encoder.model.'
            )

    def _check_labels(self, gt_label: Tensor) -> None:
        # On a GPU this would wait for the device at every step.
        if gt_label.device.type != 'cpu' or gt_label.dim() != 1 or not len(gt_label):
            return
        highest = int(gt_label.max())
        if highest >= self.num_classes:
            raise ValueError(
                f'a label is {highest}, but model.head.texts has {self.num_classes} '
                f'texts, for labels 0 to {self.num_classes - 1}. Give one text per '
                'class, in the order of the classes.'
            )

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any
    ) -> None:
        """Take over a state dict's text embeddings, of whatever shape, or keep ours."""
        self._prepare_buffers(state_dict, prefix)
        super()._load_from_state_dict(state_dict, prefix, *args)

    def _prepare_buffers(self, state_dict: dict[str, Any], prefix: str) -> None:
        saved = {
            name: state_dict.pop(prefix + name)
            for name in self.text_state
            if prefix + name in state_dict
        }
        if {*self.text_state} - {*saved} <= {'text_source'}:
            self._check_saved(saved)
            for name in self.text_state:
                value = saved.get(name)
                setattr(self, name, None if value is None else torch.empty_like(value))
        else:
            saved = {name: getattr(self, name) for name in self.text_state}
        # torch compares state dict and module: give it what the module holds now.
        for name, value in saved.items():
            if value is not None:
                state_dict[prefix + name] = value

    def _check_saved(self, saved: Mapping[str, Tensor]) -> None:
        embeddings = saved['text_embeddings']
        if embeddings.dim() != 2 or len(embeddings) != self.num_classes:
            raise ValueError(
                f'the checkpoint holds text embeddings {tuple(embeddings.shape)}, the '
                f'config has {self.num_classes} texts (model.head.texts). Use the '
                'config of its training run.'
            )
        if 'text_source' not in saved:
            return
        source = unpack(saved['text_source'])
        found = text_differences(source.pop('texts', []), self.texts)
        compare = getattr(self.text_encoder, 'differences', None)
        if compare is not None:
            found += compare(source, embeddings, self._averaged)
        if found:
            raise ValueError(
                "the checkpoint's text embeddings are not those of this config "
                f'(model.head): {"; ".join(found)}. Use the config of the training '
                "run; or, to take over the checkpoint's other weights only, drop its "
                'head.text_* entries.'
            )
