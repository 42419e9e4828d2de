"""Compare two computations of the same tensor."""

from torch import Tensor


def assert_same(got: Tensor, wanted: Tensor) -> None:
    """Check that both agree to 1e-5 of the largest value; ``-rP`` prints it."""
    assert got.shape == wanted.shape
    apart = float((got - wanted).abs().max() / wanted.abs().max())
    print(f'parity {apart:.1e}')
    assert apart <= 1e-5
