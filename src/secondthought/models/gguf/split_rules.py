"""How text is cut before byte pairs are merged, by the name that a GGUF file gives (`tokenizer.ggml.pre`).

The patterns are those of the original tokenizers, where the merges were learnt under them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from tokenizers import Regex, normalizers, pre_tokenizers

_LLAMA_3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_QWEN_2 = _LLAMA_3.replace(r"\p{N}{1,3}", r"\p{N}")
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_WORDS = rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+END|[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*END"
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_TEKKEN = _WORDS.replace("END", "") + r"|\p{N}" + _REST
_GPT_4O = _WORDS.replace("END", r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?") + r"|\p{N}{1,3}" + _REST


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitRule:
    """A `SplitRule` cuts text into the words within which byte pairs are merged."""

    pattern: str | None = None
    """What is a word; None: as GPT-2 has it."""
    single_digits: bool = False
    """Whether each digit is a word of its own first."""
    composes: bool = False
    """Whether letters and their accents are made one character (NFC) before."""
    takes_whole_words: bool = False
    """Whether a word that is a token is taken as it is, whatever the merges make of it."""

    def normalizer(self) -> Any:
        """Return what is done with text first, or None."""
        return normalizers.NFC() if self.composes else None

    def pre_tokenizer(self) -> Any:
        """Return the cutter, as `tokenizers` has it."""
        parts: list[Any] = [pre_tokenizers.Digits(individual_digits=True)] if self.single_digits else []
        if self.pattern is not None:
            parts.append(pre_tokenizers.Split(Regex(self.pattern), behavior="isolated"))
        parts.append(pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=self.pattern is None))
        return pre_tokenizers.Sequence(parts)


_GPT_2_RULE, _DIGITS = SplitRule(), SplitRule(single_digits=True)
_LLAMA_3_RULE = SplitRule(pattern=_LLAMA_3, takes_whole_words=True)
_QWEN_2_RULE = SplitRule(pattern=_QWEN_2, composes=True)

SPLIT_RULES: Mapping[str, SplitRule] = MappingProxyType(
    {
        "gpt-2": _GPT_2_RULE,
        "smollm": _DIGITS,
        "refact": _DIGITS,
        "starcoder": _DIGITS,
        "llama3": _LLAMA_3_RULE,
        "llama-v3": _LLAMA_3_RULE,
        "llama-bpe": _LLAMA_3_RULE,
        "falcon3": _LLAMA_3_RULE,
        "dbrx": SplitRule(pattern=_LLAMA_3),
        "qwen2": _QWEN_2_RULE,
        "deepseek-r1-qwen": _QWEN_2_RULE,
        "tekken": SplitRule(pattern=_TEKKEN, takes_whole_words=True),
        "gpt-4o": SplitRule(pattern=_GPT_4O),
    }
)
"""By the names of files. Granite 3's files say refact."""
