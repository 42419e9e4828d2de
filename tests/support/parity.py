"""How far apart two computations of the same thing are."""

from torch import Tensor


def assert_same(got: Tensor, wanted: Tensor) -> None:
    """At most 1e-5 of the largest value apart; ``-rP`` shows how much."""
    assert got.shape == wanted.shape
    apart = float((got - wanted).abs().max() / wanted.abs().max())
    print(f'parity {apart:.1e}')
    assert apart <= 1e-5
