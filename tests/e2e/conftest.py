"""The operator by Helm on a real node."""

import pytest

from tests.support.installation import Installation


@pytest.fixture(scope="package")
def operator(installation: Installation) -> Installation:
    """The operator, CRDs and all."""
    installation.install()
    return installation
