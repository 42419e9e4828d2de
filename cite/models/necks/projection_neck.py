import warnings
from typing import Any, Optional

import torch
from mmcls.models.builder import NECKS
from torch import Tensor, nn
from torch.nn.modules import activation

from cite.core.messages import check_choice
from cite.models.class_token import class_token
from cite.models.precision import half_autocast

INITS = ('kaiming_uniform', 'identity', 'normal', 'normal_identity')
# The two others of the module cannot be built without arguments.
ACTIVATIONS = sorted({*activation.__all__} - {'MultiheadAttention', 'Threshold'})
NORMAL_STD = 0.02  # the released neck's


@NECKS.register_module()
class ProjectionNeck(nn.Linear):
    """Learnable linear projection from image width to text width.

    Source: Zhang et al., MICCAI 2023, arXiv:2307.14901, section 2.

    Example::

        neck=dict(type='ProjectionNeck', in_features=512, init='normal_identity')

    Args:
        in_features: image width.
        out_features: text width. None: it is taken from the head's text encoder (by
            :class:`cite.models.classifiers.CITEClassifier`) or from a checkpoint.
        bias: add a learnable bias, always initialised as in torch's ``Linear``.
        init: initialisation of the weight. ``'kaiming_uniform'``: as torch's
            ``Linear``; ``'identity'``: ones on the main diagonal; ``'normal'``: std
            0.02; ``'normal_identity'``: the sum of these two.
        act_before: name of a torch activation for the input, e.g. ``'ReLU'``.
        act_after: the same for the output.
        fix: freeze the neck.
        float16: compute in fp16 on a GPU, unless an autocast is already on.
            Parameters stay fp32.

    Raises:
        ValueError: an unknown ``init`` or activation; in the forward pass, features of
            another width, or no ``out_features`` yet.
    """

    def __init__(
        self,
        in_features: int,
        out_features: Optional[int] = None,
        bias: bool = True,
        init: str = 'kaiming_uniform',
        act_before: Optional[str] = None,
        act_after: Optional[str] = None,
        fix: bool = False,
        float16: bool = False,
    ) -> None:
        with warnings.catch_warnings():
            # Without a width there is nothing to draw yet, and torch would warn.
            warnings.filterwarnings('ignore', 'Initializing zero-element')
            super().__init__(in_features, out_features or 0, bias=bias)
        self.float16 = float16
        self.init = check_choice('model.neck.init', init, INITS)
        #: Message of the forward pass before the width is known.
        self.no_width = (
            'model.neck.out_features is None, which model.type='
            "'CITEClassifier' resolves. Use that classifier, or give a number."
        )
        self._init_weight()
        self.act_before = _activation('model.neck.act_before', act_before)
        self.act_after = _activation('model.neck.act_after', act_after)
        if fix:
            self.requires_grad_(False)

    def forward(self, x: Any) -> Tensor:
        """Project image features.

        Args:
            x: (N, in_features), or a backbone's output, see :func:`class_token`.

        Returns:
            (N, out_features).
        """
        if not self.out_features:
            raise ValueError(self.no_width)
        x = class_token(x)  # (N, in_features)
        if x.shape[1] != self.in_features:
            raise ValueError(
                f'the features are {x.shape[1]} wide, the neck takes '
                f'{self.in_features}. Set model.neck.in_features={x.shape[1]}.'
            )
        # Features may be half precision, the weights are fp32.
        x = x.to(self.weight.dtype)
        with half_autocast(self.float16, x.device):
            x = super().forward(self.act_before(x))
            return self.act_after(x)  # (N, out_features)

    @torch.no_grad()
    def resolve(self, out_features: int) -> None:
        """Set a text width that was not known, and draw the weights.

        The parameters stay the same objects: an optimizer may hold them already.
        """
        if self.out_features:
            return
        self.out_features = out_features
        self.weight.data = self.weight.new_empty(out_features, self.in_features)
        if self.bias is not None:
            self.bias.data = self.bias.new_empty(out_features)
        self.reset_parameters()
        self._init_weight()

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any
    ) -> None:
        """Load; take the width from the state dict if it is not known yet."""
        weight = state_dict.get(prefix + 'weight')
        if weight is not None and weight.dim() == 2:
            self.resolve(len(weight))
        super()._load_from_state_dict(state_dict, prefix, *args)

    @torch.no_grad()
    def _init_weight(self) -> None:
        if not self.out_features:
            return
        if self.init == 'identity':
            nn.init.eye_(self.weight)
        elif self.init != 'kaiming_uniform':
            nn.init.normal_(self.weight, std=NORMAL_STD)
        if self.init == 'normal_identity':
            self.weight += torch.eye(*self.weight.shape)


def _activation(argument: str, name: Optional[str]) -> nn.Module:
    if name is None:
        return nn.Identity()
    return getattr(activation, check_choice(argument, name, ACTIVATIONS))()
