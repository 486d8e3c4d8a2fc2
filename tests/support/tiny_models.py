"""Random checkpoints of every supported architecture, hidden size 32, and a byte-level tokenizer for them."""

import copy

import torch
import transformers as hf
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from secondthought.inference.local import LocalPolicy

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
VOCABULARY_SIZE = 272
END = "<|im_end|>"


def byte_tokenizer(*, template=CHATML, eos=END, specials=("<|endoftext|>", "<|im_start|>", END)):
    """One token per byte, then the special tokens: ids are the same on every machine."""
    vocabulary = {letter: index for index, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    backend = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens(list(specials))
    tokenizer = hf.PreTrainedTokenizerFast(tokenizer_object=backend, eos_token=eos, pad_token="<|endoftext|>")
    tokenizer.chat_template = template
    return tokenizer


_SIZES = {
    "vocab_size": VOCABULARY_SIZE,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "bos_token_id": None,
    "eos_token_id": 258,
    "pad_token_id": 256,
}
WINDOW = 7
"""Shorter than most trunks of the tests."""

ARCHITECTURES = {
    "qwen2": lambda: hf.Qwen2ForCausalLM(hf.Qwen2Config(**_SIZES)),
    "qwen3": lambda: hf.Qwen3ForCausalLM(hf.Qwen3Config(head_dim=16, **_SIZES)),
    "llama": lambda: hf.LlamaForCausalLM(hf.LlamaConfig(**_SIZES)),
    "gemma": lambda: hf.GemmaForCausalLM(hf.GemmaConfig(head_dim=16, **_SIZES)),
    "mistral-window": lambda: hf.MistralForCausalLM(hf.MistralConfig(sliding_window=WINDOW, **_SIZES)),
    "gemma3-window": lambda: hf.Gemma3ForCausalLM(
        hf.Gemma3TextConfig(
            head_dim=16, sliding_window=WINDOW, layer_types=["sliding_attention", "full_attention"], **_SIZES
        )
    ),
    "gemma2-window-capped": lambda: hf.Gemma2ForCausalLM(
        hf.Gemma2Config(
            head_dim=16,
            query_pre_attn_scalar=16,
            sliding_window=WINDOW,
            layer_types=["sliding_attention", "full_attention"],
            attn_logit_softcapping=1.0,
            final_logit_softcapping=3.0,
            **_SIZES,
        )
    ),
    "phi3": lambda: hf.Phi3ForCausalLM(hf.Phi3Config(**_SIZES)),
}


def tiny_model(architecture="qwen2", seed=0):
    """Weights large enough that every token depends visibly on every other."""
    generator = torch.Generator().manual_seed(seed)
    model = ARCHITECTURES[architecture]()
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.copy_(0.2 * noise if parameter.dim() > 1 else parameter + 0.1 * noise)
    return model.eval()


def tiny_policy(architecture="qwen2", seed=0, **settings):
    """A policy over a fresh tiny model."""
    return LocalPolicy(tiny_model(architecture, seed), byte_tokenizer(), name=f"tiny-{architecture}", **settings)


def shaken(model, seed=1, by=0.02):
    """A copy with slightly other weights: a reference that differs."""
    other = copy.deepcopy(model).requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(by * torch.randn(parameter.shape, generator=generator))
    return other
