import pytest

from snnconv.errors import InvalidValueError
from snnconv.registry import Registry


def test_registry() -> None:
    registry: Registry[str, int] = Registry("number")
    registry.register("one", "single")(1)
    assert registry["one"] == registry["single"] == 1
    assert "one" in registry
    assert list(registry) == ["one", "single"]
    assert registry.get("two") is None
    with pytest.raises(ValueError, match="number 'one' is registered already"):
        registry.register("one")(2)
    with pytest.raises(InvalidValueError, match="Unknown number 'sngle': did you mean single"):
        registry["sngle"]
