"""The pages are tested with the same small models as the routes."""

from tests.ui.conftest import models, shipped  # noqa: F401
