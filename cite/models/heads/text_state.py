import threading
from collections.abc import Mapping
from typing import Any

import torch
from mmcv.runner import BaseModule
from torch import Tensor

from .distinct_texts import check_distinct
from .text_source import Texts, average, descriptions, pack, text_differences, unpack

_ENCODING = threading.Lock()  # a second language model would not fit into memory


class TextState(BaseModule):
    """Encode the texts of a head once and keep them in its state dict; a mix-in.

    The embeddings are encoded when first needed, then stay in buffers: checkpoints hold
    them, devices move them, and a checkpoint that has them makes the language model
    unnecessary. A checkpoint without them (a released one) loads as well. One with
    other texts, or of another language model, is refused.

    A head calls :meth:`register_texts` in its constructor and :meth:`encode_texts`
    before it reads ``self.text_embeddings``.
    """

    #: Buffers that are None until the texts are encoded.
    text_state: tuple[str, ...] = ('text_embeddings', 'text_source')
    texts: Texts
    text_encoder: Any

    def register_texts(self, texts: Texts, text_encoder: Any) -> None:
        """Take over the texts of K classes and what encodes them."""
        self.texts = texts
        # Not a child: a text encoder belongs in no checkpoint and on no GPU.
        self.__dict__['text_encoder'] = text_encoder
        for name in self.text_state:
            self.register_buffer(name, None)

    def encode_texts(self) -> Tensor:
        """Encode the texts unless that is done; returns the embeddings (K, D)."""
        if self.text_embeddings is None:
            with _ENCODING:
                self._encode_once()
        return self.text_embeddings

    def text_width(self) -> int:
        """Return D; the texts are encoded if no file states it."""
        read_width = getattr(self.text_encoder, 'width', None)
        if self.text_embeddings is None and callable(read_width):
            width = read_width()
            if width is not None:
                return width
        return self.encode_texts().shape[1]

    def move_texts(self, device: torch.device) -> None:
        """Move the buffers to the device of the features."""
        if self.text_embeddings.device == device:
            return
        with torch.inference_mode(False):
            for name in self.text_state:
                buffer = getattr(self, name)
                setattr(self, name, None if buffer is None else buffer.to(device))

    def _encode_once(self) -> None:
        if self.text_embeddings is not None:
            return
        # Evaluation may come first, under inference_mode, and training later.
        with torch.inference_mode(False), torch.no_grad():
            state = {**self._encode(), 'text_source': pack(self._source())}
        for name in reversed(self.text_state):  # what other threads look for is last
            setattr(self, name, state[name])

    def _encode(self) -> dict[str, Tensor]:
        flat = [text for entry in self.texts for text in descriptions(entry)]
        encoded = self._encode_flat(flat)
        embeddings = encoded['text_embeddings'].detach().float()
        if embeddings.dim() != 2 or len(embeddings) != len(flat):
            raise ValueError(
                f'the text encoder made {tuple(embeddings.shape)} of '
                f'{len(flat)} texts; it must make ({len(flat)}, D).'
            )
        averaged = self._averaged(embeddings)
        check_distinct(averaged, self.texts)
        return {**encoded, 'text_embeddings': averaged}

    def _encode_flat(self, texts: list[str]) -> dict[str, Tensor]:
        return {'text_embeddings': self.text_encoder(texts)}

    def _averaged(self, embeddings: Tensor) -> Tensor:
        """Average (M, D) of all descriptions; keep embeddings of another number."""
        if len(embeddings) != sum(len(descriptions(entry)) for entry in self.texts):
            return embeddings
        return average(embeddings, self.texts)

    def _source(self) -> dict[str, Any]:
        describe = getattr(self.text_encoder, 'source', None)
        encoder = {'encoder': type(self.text_encoder).__name__}
        return {**(describe() if describe else encoder), 'texts': self.texts}

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any
    ) -> None:
        """Take over a state dict's text embeddings, of any shape, or keep ours."""
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
        super()._load_from_state_dict(state_dict, prefix, *args)

    def _check_saved(self, saved: Mapping[str, Tensor]) -> None:
        embeddings = saved['text_embeddings']
        if embeddings.dim() != 2 or len(embeddings) != len(self.texts):
            raise ValueError(
                f'the checkpoint holds text embeddings {tuple(embeddings.shape)}, the '
                f'config has {len(self.texts)} texts (model.head.texts). Use the '
                'config of its training run.'
            )
        if 'text_source' not in saved:
            return
        source = unpack(saved['text_source'])
        differences = text_differences(source.pop('texts', []), self.texts)
        compare = getattr(self.text_encoder, 'differences', None)
        if compare is not None:
            differences += compare(source, embeddings, self._averaged)
        if differences:
            raise ValueError(
                "the checkpoint's text embeddings are not those of this config "
                f'(model.head): {"; ".join(differences)}. Use the config of the '
                "training run; or, to take over the checkpoint's other weights only, "
                'drop its head.text_* entries.'
            )
