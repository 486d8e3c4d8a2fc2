"""The tokenizer of the shipped models: a byte-level BPE written by hand, so that any text survives a round trip.

Its vocabulary is the 256 bytes, every number from 0 to 200, and the words of the corpus; there are no merges, so a
piece is one token if it is listed and bytes otherwise. The constant sentences of the default prompts are one token
each: a prompt costs 12 tokens instead of about 60. It is not trained on anything.
"""

from __future__ import annotations

from typing import NamedTuple

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from secondthought.rollout.player import RETRY_REQUEST, WRONG_ANSWER
from secondthought.tasks.countdown import prompts, reflections
from secondthought.types import Role

USER, ASSISTANT, SYSTEM, END, PAD = "<|user|>", "<|assistant|>", "<|system|>", "<|end|>", "<|pad|>"
SPECIAL_TOKENS = (PAD, END, USER, ASSISTANT, SYSTEM)
LARGEST_NUMBER = 200

CHAT_TEMPLATE = (
    "{%- for message in messages -%}"
    "{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<|assistant|>' }}{%- endif -%}"
)

PIECES = r"</?[a-z]+>|[0-9]+|[A-Za-z']+ ?|[.,:;?!] ?|\s|."
"""Pieces into which text is cut before look-up: tags, runs of digits, words and punctuation with the blank after."""

_SENTENCES = (
    prompts.PROMPT_BEFORE_NUMBERS + "[",
    "]" + prompts.PROMPT_BEFORE_TARGET,
    prompts.PROMPT_AFTER_TARGET,
    prompts.REFLECTION_REQUEST,
    f"{RETRY_REQUEST}\n\n{prompts.PROMPT_BEFORE_NUMBERS}[",
    f"{WRONG_ANSWER} {RETRY_REQUEST}\n\n{prompts.PROMPT_BEFORE_NUMBERS}[",
    RETRY_REQUEST,
    reflections.GENERAL_REFLECTION,
)
_LATER_SENTENCES = (prompts.PROMPT_AFTER_TARGET_THINK,)
"""Sentences of tokenizers with more words; the shipped models' own must not change."""
_PLAIN_WORDS = (
    "a an and are be best by can do first get in is it next no not of on one step that the then this to try use want"
    " with yes you"
)


class TranscriptMessage(NamedTuple):
    """A `TranscriptMessage` is one message of a transcript; `learn` is true for what the model is to imitate."""

    role: Role
    text: str
    learn: bool


def build_tokenizer(words: str = "") -> PreTrainedTokenizerFast:
    r"""Build the tokenizer with its chat template.

    Args:
        words: text whose pieces are to be one token each besides; they come last, so other ids stay what they are.

    >>> tokenizer = build_tokenizer()
    >>> tokenizer.tokenize("8*3=24,24+7=31<answer>8*3+7</answer>")[-7:]
    ['<answer>', '8', '*', '3', '+', '7', '</answer>']
    >>> tokenizer.decode(tokenizer("Za\u017c 1234!")["input_ids"]) == "Za\u017c 1234!"
    True
    """
    vocabulary: dict[str, int] = {}
    for token in (*SPECIAL_TOKENS, *_bytes(), *(str(n) for n in range(LARGEST_NUMBER + 1)), *_words(), *_pieces(words)):
        vocabulary.setdefault(token, len(vocabulary))
    core = Tokenizer(models.BPE(vocab=vocabulary, merges=[], ignore_merges=True))
    core.pre_tokenizer = _splitter()
    core.decoder = decoders.ByteLevel()
    sentences = (*_SENTENCES, *(_LATER_SENTENCES if words else ()))
    core.add_tokens([AddedToken(text, normalized=False, special=False) for text in sentences])
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        eos_token=END,
        pad_token=PAD,
        additional_special_tokens=[USER, ASSISTANT, SYSTEM],
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
        model_max_length=2048,
    )


def _bytes() -> list[str]:
    return sorted(pre_tokenizers.ByteLevel.alphabet())


def _words() -> list[str]:
    """Return the pieces of the corpus's sentences, and plain words for other requests, in byte-level spelling."""
    texts = [
        *(text.format(step="1") for text in reflections.PROPOSALS),
        *_DIAGNOSES,
        "<answer></answer>, . : ; ? ! ",
        *(f"{word} {word}" for word in _PLAIN_WORDS.split()),
    ]
    return [piece for text in texts for piece in _pieces(text)]


def _pieces(text: str) -> list[str]:
    """Cut a text into pieces, in byte-level spelling."""
    return [piece for piece, _ in _splitter().pre_tokenize_str(text)]


def _splitter() -> pre_tokenizers.Sequence:
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PIECES), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


_DIAGNOSES = (
    "I left out 1. ",
    "I used 1 twice. ",
    "I used 1 too often. ",
    "There is no 1. ",
    "1*1 is 1, not 1. ",
    "I got 1, not 1. ",
    "I gave no clear answer. ",
    "I divided by 0. ",
)
