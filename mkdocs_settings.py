"""Show settings in the documentation as they are: defaults for calls of `option`, help texts in the docstring."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import Any

import griffe

from snnconv.options import Settings

FIELDS = {"option": 0, "with_default": 2}  # functions that make fields, and the place of the default


class SettingsFields(griffe.Extension):
    """Extension of griffe for classes whose fields are made by `snnconv.options`."""

    def on_class_members(self, *, cls: griffe.Class, **_: Any) -> None:
        """Replace the values and the docstring of a settings class."""
        for attribute in cls.attributes.values():
            call = attribute.value
            if isinstance(call, griffe.ExprCall) and str(call.function) in FIELDS:
                attribute.value = call.arguments[FIELDS[str(call.function)]]
        if any(str(decorator.value) == "documented" for decorator in cls.decorators):
            settings = getattr(import_module(cls.module.path), cls.name)
            assert issubclass(settings, Settings)
            cls.docstring = griffe.Docstring(inspect.getdoc(settings) or "", parent=cls)
