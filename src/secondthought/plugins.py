"""A class of somebody's own is named `module:Class`: imported, and looked at before anything of it is called.

The name may stand in a config file that somebody else wrote. So what it names must be a class that offers what is asked
of it, or it is refused: `os:system` is a function, and `subprocess:Popen` is no task.
"""

from __future__ import annotations

import importlib
import inspect
from typing import Any

from secondthought.errors import SecondthoughtError


def named_class(name: str, what: str, protocol: type, error: type[SecondthoughtError]) -> type:
    """Import the class that a name means, and check that its methods are those of a protocol; call nothing.

    Args:
        name: `module:Class`.
        what: the noun for it, for sentences.
        protocol: what its instances must offer.
        error: the kind of error to raise.

    Raises:
        SecondthoughtError: of the kind `error`: there is no such module or class, or it lacks a method.
    """
    kind = named(name, what, error)
    if not isinstance(kind, type):
        attribute = name.partition(":")[2]
        raise error(f"{what} {name}: {attribute!r} is no class but a {type(kind).__name__}; give module:Class")
    if _lacking(kind, _methods(protocol)):
        raise error(f"{what} {name}: the class is not a {protocol.__name__}, it lacks {lacking(kind, protocol)}")
    return kind


def named(name: str, what: str, error: type[SecondthoughtError], form: str = "module:Class") -> Any:
    """Import what a name of that form means; the caller looks at it before anything of it is called.

    Raises:
        SecondthoughtError: of the kind `error`: there is no such module, or nothing of that name in it.
    """
    module, _, attribute = name.partition(":")
    if not all(part.isidentifier() for part in [*module.split("."), attribute]):
        raise error(f"{what} {name}: module {module!r} cannot be imported: give {form}, as Python names them")
    return _attribute(name, what, module, attribute, error)


def lacking(thing: object, protocol: type) -> str:
    """List the members of a protocol that a class or an object lacks, for sentences."""
    absent = {member for member in _members(protocol) if not hasattr(thing, member)}
    return ", ".join(sorted(absent | _lacking(thing, _methods(protocol))))


def _lacking(thing: object, methods: set[str]) -> set[str]:
    return {method for method in methods if not callable(getattr(thing, method, None))}


def _attribute(name: str, what: str, module: str, attribute: str, error: type[SecondthoughtError]) -> Any:
    try:
        found = importlib.import_module(module)
    except (Exception, SystemExit) as failure:  # a module runs when it is imported, and may fail in any way
        kind = "" if isinstance(failure, (ImportError, ValueError)) else f"{type(failure).__name__}: "
        raise error(f"{what} {name}: module {module!r} cannot be imported: {kind}{failure}") from failure
    try:
        return getattr(found, attribute)
    except AttributeError:
        raise error(f"{what} {name}: module {module!r} has no {attribute!r}") from None


def _methods(protocol: type) -> set[str]:
    return {name for name in _members(protocol) if inspect.isfunction(getattr(protocol, name, None))}


def _members(protocol: type) -> set[str]:
    """Return the public names that a protocol and those it extends declare."""
    declared = (
        name for base in protocol.__mro__[:-1] for name in {**vars(base), **vars(base).get("__annotations__", {})}
    )
    return {name for name in declared if not name.startswith("_")}
