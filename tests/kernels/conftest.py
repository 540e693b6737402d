"""What the tests of the kernels share."""

from tests.fixtures.kernel_cache import empty_cache  # noqa: F401  (a fixture)
