"""Calls of tools as Hypothesis draws them, and tools whose schemas say what types their arguments have."""

from hypothesis import strategies as st

from secondthought.tools.calls import Call

NAMES = st.from_regex(r"[a-z][a-z_]{0,8}(\.[a-z]{1,4})?", fullmatch=True)
KEYS = st.from_regex(r"[a-zA-Z][a-z_0-9]{0,8}", fullmatch=True) | st.sampled_from(
    ["from", "True", "None", "true", "null"]
)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=30)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    TEXTS,
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=8
)
CALLS = st.lists(st.builds(Call, NAMES, st.dictionaries(KEYS, VALUES, max_size=4)), min_size=1, max_size=4)

_KINDS = ((bool, "boolean"), (str, "string"), (int, "integer"), (float, "number"), (list, "array"), (dict, "object"))


def tools_of(calls):
    """Tools with the types of exactly these calls; a name that is called twice takes what either call has."""
    schemas = {}
    for call in calls:
        for key, value in call.arguments.items():
            kind = next((name for kind, name in _KINDS if isinstance(value, kind)), "null")
            schemas.setdefault(call.name, {}).setdefault(key, set()).add(kind)
    return [
        {
            "name": name,
            "description": "",
            "parameters": {"type": "object", "properties": {k: {"type": sorted(v)} for k, v in keys.items()}},
        }
        for name, keys in schemas.items()
    ]


def same(one, other):
    """Equal calls, types included: True is not 1, and 1.0 is not 1."""
    return repr([(c.name, c.arguments) for c in one]) == repr([(c.name, c.arguments) for c in other])
