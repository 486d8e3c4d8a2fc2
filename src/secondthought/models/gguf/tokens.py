"""The tokenizer that a GGUF file describes: vocabulary, merges, tokens that are never cut, ids that mean something.

Byte pairs are built here, cut by the file's own rule. A vocabulary of sentencepiece is left to `transformers`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, processors
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from secondthought.errors import PolicyError, first_line
from secondthought.models.gguf.header import AGAIN, Header
from secondthought.models.gguf.split_rules import SPLIT_RULES, SplitRule

_BYTE_PAIRS, _SENTENCEPIECE = "gpt2", "llama"
_CONTROL, _USER_DEFINED, _UNUSED = 3, 4, 5
_SPECIAL = {"bos_token": "bos", "eos_token": "eos", "unk_token": "unknown", "pad_token": "padding"}
_TEMPLATE = "tokenizer.chat_template"


def tokenizer_of(header: Header) -> Any:
    """Return the tokenizer with its chat template.

    Raises:
        PolicyError: the file describes none, or one of a kind that is not read.
    """
    kind = header.need("tokenizer.ggml.model", str)
    if kind == _BYTE_PAIRS:
        found = _byte_pairs(header)
    elif kind == _SENTENCEPIECE:
        found = _sentencepiece(header)
    else:
        raise PolicyError(
            f"{header.path}: tokenizer.ggml.model is {kind!r}, and gpt2 (byte pairs) and llama (sentencepiece) are"
            " read; get the model's directory of safetensors"
        )
    found.chat_template = _templates(header)
    return found


def _byte_pairs(header: Header) -> PreTrainedTokenizerFast:
    tokens, rule = _tokens(header), _rule(header)
    try:
        merges = [_pair(merge) for merge in header.need("tokenizer.ggml.merges", list)]
        model = models.BPE(
            vocab={token: number for number, token in enumerate(tokens)},
            merges=merges,
            ignore_merges=rule.takes_whole_words,
        )
    except Exception as error:  # the library has no class of its own for merges that do not fit the vocabulary
        raise PolicyError(f"{header.path}: its vocabulary is damaged ({first_line(error)}); {AGAIN}") from None
    backend = Tokenizer(model)
    if (normalizer := rule.normalizer()) is not None:
        backend.normalizer = normalizer
    backend.pre_tokenizer, backend.decoder = rule.pre_tokenizer(), decoders.ByteLevel()
    backend.add_tokens(list(_added(header, tokens)))
    special = _special(header, tokens)
    if header.get("tokenizer.ggml.add_bos_token", bool, False) and "bos_token" in special:
        first = special["bos_token"]
        backend.post_processor = processors.TemplateProcessing(
            single=f"{first} $A", pair=f"{first} $A $B", special_tokens=[(first, tokens.index(first))]
        )
    return PreTrainedTokenizerFast(tokenizer_object=backend, clean_up_tokenization_spaces=False, **special)


def _sentencepiece(header: Header) -> Any:
    try:
        return AutoTokenizer.from_pretrained(
            str(header.path.absolute().parent), gguf_file=header.path.name, local_files_only=True
        )
    except Exception as error:  # a vocabulary is somebody's data, and the library fails on it in any way
        raise PolicyError(f"{header.path}: its tokenizer cannot be read: {first_line(error)}") from None


def _tokens(header: Header) -> list[str]:
    """Return the vocabulary without what fills it up to a round size, which no text has."""
    tokens: list[str] = header.need("tokenizer.ggml.tokens", list)
    kinds = _kinds(header, tokens)
    while tokens and kinds[len(tokens) - 1] == _UNUSED:
        tokens = tokens[:-1]
    if not all(isinstance(token, str) for token in tokens) or len(set(tokens)) != len(tokens):
        raise PolicyError(f"{header.path}: its vocabulary names a token twice, or holds what is no text; {AGAIN}")
    return tokens


def _kinds(header: Header, tokens: list[str]) -> list[int]:
    found: list[int] = header.get("tokenizer.ggml.token_type", list, [1] * len(tokens))
    if len(found) != len(header.need("tokenizer.ggml.tokens", list)):
        raise PolicyError(f"{header.path}: its vocabulary and the kinds of its tokens are of two lengths; {AGAIN}")
    return found


def _added(header: Header, tokens: list[str]) -> Iterator[AddedToken]:
    """Yield the tokens that text is never cut across: those that control, and those that somebody added."""
    for token, kind in zip(tokens, _kinds(header, tokens), strict=False):
        if kind in (_CONTROL, _USER_DEFINED) and token:
            yield AddedToken(token, normalized=False, special=kind == _CONTROL)


def _rule(header: Header) -> SplitRule:
    name = header.get("tokenizer.ggml.pre", str, "gpt-2")
    if name not in SPLIT_RULES:
        raise PolicyError(
            f"{header.path}: tokenizer.ggml.pre is {name!r}, a way to cut text that is not known here; get the model's "
            "directory of safetensors"
        )
    return SPLIT_RULES[name]


def _special(header: Header, tokens: list[str]) -> dict[str, str]:
    ids = {ours: header.get(f"tokenizer.ggml.{name}_token_id", int) for ours, name in _SPECIAL.items()}
    for name, number in ids.items():
        if number is not None and not 0 <= number < len(tokens):
            raise PolicyError(f"{header.path}: {name} is {number}, and there are {len(tokens)} tokens; {AGAIN}")
    return {name: tokens[number] for name, number in ids.items() if number is not None}


def _templates(header: Header) -> str | dict[str, str] | None:
    """Return the chat template, or all of them where there are more."""
    plain: str | None = header.get(_TEMPLATE, str)
    named = {
        name.removeprefix(f"{_TEMPLATE}."): text
        for name, text in header.fields.items()
        if name.startswith(f"{_TEMPLATE}.") and isinstance(text, str)
    }
    if plain is None or not named:
        return plain if plain is not None else named or None
    return {"default": plain, **named}


def _pair(merge: str) -> tuple[str, str]:
    first, second = merge.split(" ")
    return first, second
