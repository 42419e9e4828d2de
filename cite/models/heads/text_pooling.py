import torch
from torch import Tensor, nn
from torch.nn import functional as F


class TextPooling(nn.Module):
    """Pool a slide's patches for each class by their likeness to the class's text.

    With f_i the unit features of a slide's patches, P a projection, t_k the unit vector
    of a class's text and s the scale of the cosine ::

        u_i = P f_i      c_ik = cos(u_i, t_k)     a_ik = softmax_i(s β c_ik)
        z_k = Σ_i a_ik u_i                        logit_k = s cos(z_k, t_k)

    β ≥ 0 is trained and starts at 0, where z is the patches' mean; for β → ∞ it is the
    patch that is most like the text. Where all patches carry the label, as in grading,
    attention has nothing to find.

    Args:
        in_features: width of the features, D.
        text_width: width of the texts' vectors, T.
        prior: attention that the classes share, in place of ``a_ik``:
            ``softmax_i(g · f_i + s gamma max_k c_ik)`` with g and gamma trained from 0.
    """

    start: Tensor

    def __init__(self, in_features: int, text_width: int, prior: bool = False) -> None:
        super().__init__()
        self.proj = nn.Linear(in_features, text_width, bias=False)
        nn.init.eye_(self.proj.weight)
        self.register_buffer('start', self.proj.weight.detach().clone())
        self.beta = nn.Parameter(torch.zeros(()))  # gamma with a prior
        self.salience = nn.Linear(in_features, 1, bias=False) if prior else None
        if self.salience is not None:
            nn.init.zeros_(self.salience.weight)

    @torch.no_grad()
    def start_from(self, weight: Tensor) -> None:
        """Set the projection, (T, D), and what :meth:`drift` compares it with."""
        self.proj.weight.copy_(weight)
        self.start.copy_(weight)

    def forward(self, bags: Tensor, texts: Tensor, scale: float) -> Tensor:
        """Compute logits (B, K).

        Args:
            bags: features of B slides' patches, (B, n, D); rows of zeros fill up slides
                with fewer than n.
            texts: unit vectors of the class texts, (K, T).
            scale: factor of the cosine.
        """
        bags = F.normalize(bags, dim=2)
        projected = self.proj(bags)  # (B, n, T)
        likeness = scale * F.normalize(projected, dim=2) @ texts.t()  # (B, n, K)
        # Not clamp, whose gradient at 0, where β starts, is 0 from torch 2.15 on.
        beta = torch.where(self.beta < 0, torch.zeros_like(self.beta), self.beta)
        scores = beta * likeness
        if self.salience is not None:
            best = self.beta * likeness.max(2, keepdim=True).values
            scores = (self.salience(bags) + best).expand_as(likeness)
        # Only the direction of the sum counts, to which rows of zeros add nothing.
        weights = scores.softmax(1)  # (B, n, K)
        pooled = weights.transpose(1, 2) @ projected  # (B, K, T)
        return scale * (F.normalize(pooled, dim=2) * texts).sum(2)

    def drift(self) -> Tensor:
        """Return the squared distance of the projection from its start."""
        return ((self.proj.weight - self.start) ** 2).sum()
