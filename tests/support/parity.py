"""Compare two computations of the same tensor."""

from torch import Tensor


def assert_same(got: Tensor, wanted: Tensor) -> None:
    """Check that both agree to 1e-5 of the largest value; ``-rP`` prints it."""
    assert got.shape == wanted.shape
    apart = float((got - wanted).abs().max() / wanted.abs().max())
    print(f'parity {apart:.1e}')
    assert apart <= 1e-5


def measure(name: str, got: Tensor, wanted: Tensor) -> None:
    """Check root mean square and maximum of the difference, relative to the features'.

    ``-rP`` prints both; docs/MODEL_ZOO.md shows the largest.
    """
    assert got.shape == wanted.shape
    apart = (got - wanted).double()
    rms = float(apart.norm() / wanted.double().norm())
    most = float(apart.abs().max() / wanted.abs().max())
    print(f'parity {name} rms {rms:.1e} max {most:.1e}')
    assert max(rms, most) <= 1e-5
