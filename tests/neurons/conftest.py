"""The laws are asserted in a module of their own: let pytest explain its failures as it does in test modules."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("laws")
