"""The leaderboard's own checker (bfcl-eval, Apache-2.0), taken from an unpacked package without what it depends on.

Its checker of calls needs none of its dependencies: only the table of models does, of which one line is asked, whether
a model's tools are shown with underscores in place of dots. These modules are replaced here, nothing else.
"""

from __future__ import annotations

import importlib.machinery
import sys
import types
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

MODEL = {"keep": "keeps-dots", "underscore": "takes-underscores"}


class _Replaced:
    """`_Replaced` finds, for any package that is missing, a module whose every name is a mock."""

    names = ("filelock", "tenacity", "overrides", "tree_sitter", "tree_sitter_java", "tree_sitter_javascript", "dotenv")

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Return a spec for a missing package."""
        return importlib.machinery.ModuleSpec(name, self) if name.split(".")[0] in self.names else None

    def create_module(self, spec: Any) -> types.ModuleType:
        """Return the module of mocks."""
        module = MagicMock(name=spec.name)
        module.__spec__, module.__path__ = spec, []
        return module

    def exec_module(self, module: types.ModuleType) -> None:
        """Run nothing."""


class LeaderboardChecker:
    """A `LeaderboardChecker` judges decoded calls with the package's functions."""

    def __init__(self, package: Path) -> None:
        sys.path.insert(0, str(package))
        sys.meta_path.append(_Replaced())
        models: dict[str, Any] = defaultdict(lambda: SimpleNamespace(underscore_to_dot=False))
        models[MODEL["underscore"]] = SimpleNamespace(underscore_to_dot=True)
        table = types.ModuleType("bfcl_eval.constants.model_config")
        table.MODEL_CONFIG_MAPPING = models  # type: ignore[attr-defined]
        sys.modules[table.__name__] = table
        from bfcl_eval.constants.enums import Language
        from bfcl_eval.eval_checker.ast_eval.ast_checker import ast_checker
        from bfcl_eval.utils import is_empty_output, is_function_calling_format_output

        self._check, self._python = ast_checker, Language.PYTHON
        self._is_empty, self._is_calls = is_empty_output, is_function_calling_format_output

    def accepts(
        self, functions: list[Any], calls: list[dict[str, Any]] | None, answer: Any, category: str, dots: str
    ) -> bool | str:
        """Return whether decoded calls pass, or the name of the error that the checker itself stops with.

        `calls` is None where the text could not be decoded.
        """
        if "relevance" in category:
            called = calls is not None and not self._is_empty(calls)
            return called != ("irrelevance" in category)
        if calls is None or not self._is_calls(calls):
            return False
        try:
            return bool(self._check(functions, calls, answer, self._python, category, MODEL[dots])["valid"])
        except (KeyError, TypeError, AttributeError, IndexError, OverflowError) as error:
            return type(error).__name__
