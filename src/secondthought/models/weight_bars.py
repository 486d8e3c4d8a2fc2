"""The bars that `transformers` would draw while it reads weights are told to an onlooker as stages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sized
from contextlib import ExitStack, contextmanager
from typing import Any

from transformers.utils import logging as transformers_logging

from secondthought.progress import Onlooker, Stage


@contextmanager
def told_to(onlooker: Onlooker) -> Iterator[None]:
    """Tell an onlooker of each bar until the block ends; a version without hooks for bars is left alone."""
    set_hook = getattr(transformers_logging, "set_tqdm_hook", None)
    if set_hook is None:
        yield
        return
    with ExitStack() as stages:

        def bar(factory: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            items = args[0] if args else kwargs.get("iterable")
            total = kwargs.get("total", len(items) if isinstance(items, Sized) else None)
            what = str(kwargs.get("desc") or "files").lower()
            return _ToldBar(factory(*args, **kwargs), stages.enter_context(onlooker.stage(what, total)))

        before = set_hook(bar)
        try:
            yield
        finally:
            set_hook(before)


class _ToldBar:
    """A `_ToldBar` is a bar of `tqdm` that tells a stage how far it is; all else it leaves to the bar."""

    def __init__(self, bar: Any, stage: Stage) -> None:
        self._bar, self._stage = bar, stage

    def __iter__(self) -> Iterator[Any]:
        for item in self._bar:
            yield item
            self._stage.advance()

    def update(self, count: float = 1) -> None:
        self._bar.update(count)
        self._stage.advance(count)

    def __enter__(self) -> _ToldBar:
        self._bar.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._bar.__exit__(*error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bar, name)
