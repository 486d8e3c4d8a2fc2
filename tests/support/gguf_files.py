"""GGUF files of tiny random models, written by `gguf` itself as other programs write them."""

import numpy as np
import torch
import transformers as hf
from gguf import GGMLQuantizationType as Packing
from gguf import GGUFWriter
from gguf.quants import quantize
from tiny_models import CHATML, byte_tokenizer

SIZES = {
    "vocab_size": 288,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "bos_token_id": 256,
    "eos_token_id": 258,
    "pad_token_id": 256,
}
"""Widths are multiples of 32, in blocks of which most packings go; the vocabulary is filled up to one."""
LLAMA_3_ROTARY = {
    "rope_theta": 10_000.0,
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}
ARCHITECTURES = {
    "llama": lambda **more: hf.LlamaForCausalLM(hf.LlamaConfig(**SIZES, **more)),
    "granite": lambda **more: hf.GraniteForCausalLM(
        hf.GraniteConfig(
            embedding_multiplier=3.0, residual_multiplier=0.5, attention_multiplier=0.2, logits_scaling=2.0, **SIZES
        )
    ),
    "qwen2": lambda **more: hf.Qwen2ForCausalLM(hf.Qwen2Config(**SIZES, **more)),
    "qwen3": lambda **more: hf.Qwen3ForCausalLM(hf.Qwen3Config(head_dim=32, **SIZES, **more)),
}
PAIRED = ("he", "ll", "hell")
"""Tokens that byte pairs are merged into."""
_NAMES = (
    ("model.embed_tokens.", "token_embd."),
    ("model.norm.", "output_norm."),
    ("lm_head.", "output."),
    ("model.layers.", "blk."),
    ("input_layernorm", "attn_norm"),
    ("post_attention_layernorm", "ffn_norm"),
    ("self_attn.q_proj", "attn_q"),
    ("self_attn.k_proj", "attn_k"),
    ("self_attn.v_proj", "attn_v"),
    ("self_attn.o_proj", "attn_output"),
    ("self_attn.q_norm", "attn_q_norm"),
    ("self_attn.k_norm", "attn_k_norm"),
    ("mlp.gate_proj", "ffn_gate"),
    ("mlp.up_proj", "ffn_up"),
    ("mlp.down_proj", "ffn_down"),
)


def gguf_model(architecture="qwen2", *, seed=0, **more):
    """A random model whose numbers bf16 holds exactly, so that a file without packing loses nothing."""
    model = ARCHITECTURES[architecture](**more)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            noise = 0.2 * torch.randn(parameter.shape, generator=generator)
            parameter.copy_((noise if parameter.dim() > 1 else 1 + noise).bfloat16().float())
    return model.eval()


def gguf_tokenizer():
    """Bytes, three tokens that control, one that somebody added."""
    tokenizer = byte_tokenizer()
    tokenizer.add_tokens(["<tool_call>"])
    return tokenizer


def write_gguf(path, model, *, architecture="qwen2", packing="F32", **changes):
    """Write a model and `gguf_tokenizer` as llama.cpp's converter does; `changes` replace or (None) drop settings."""
    writer = GGUFWriter(None, architecture)
    for name, said in {**_settings(model, architecture), **_vocabulary(), **changes}.items():
        if said is not None:
            getattr(writer, f"add_{said[0]}")(name, said[1])
    for name, values in _tensors(model, architecture):
        kind = Packing[packing] if values.ndim > 1 else Packing.F32
        writer.add_tensor(name, quantize(values, kind), raw_dtype=kind)
    writer.write_header_to_file(path)
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _settings(model, architecture):
    config, a = model.config, architecture
    found = {
        f"{a}.context_length": ("uint32", config.max_position_embeddings),
        f"{a}.embedding_length": ("uint32", config.hidden_size),
        f"{a}.block_count": ("uint32", config.num_hidden_layers),
        f"{a}.feed_forward_length": ("uint32", config.intermediate_size),
        f"{a}.attention.head_count": ("uint32", config.num_attention_heads),
        f"{a}.attention.head_count_kv": ("uint32", config.num_key_value_heads),
        f"{a}.attention.layer_norm_rms_epsilon": ("float32", config.rms_norm_eps),
        f"{a}.rope.freq_base": ("float32", config.rope_parameters["rope_theta"]),
    }
    if architecture == "qwen3":
        found[f"{a}.attention.key_length"] = ("uint32", config.head_dim)
    if architecture == "granite":
        scales = ("embedding_scale", "residual_scale", "attention.scale", "logit_scale")
        names = ("embedding_multiplier", "residual_multiplier", "attention_multiplier", "logits_scaling")
        found |= {f"{a}.{s}": ("float32", getattr(config, n)) for s, n in zip(scales, names, strict=True)}
    return found


def _vocabulary():
    tokenizer = gguf_tokenizer()
    tokens = sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().get)
    kinds = [3 if token in tokenizer.all_special_tokens or token.startswith("<|") else 1 for token in tokens]
    kinds[-1] = 4
    tokens, kinds = [*tokens, *PAIRED], [*kinds, *[1] * len(PAIRED)]
    filled = SIZES["vocab_size"] - len(tokens)
    return {
        "tokenizer.ggml.model": ("string", "gpt2"),
        "tokenizer.ggml.pre": ("string", "qwen2"),
        "tokenizer.ggml.tokens": ("array", [*tokens, *(f"[PAD{n}]" for n in range(filled))]),
        "tokenizer.ggml.token_type": ("array", [*kinds, *[5] * filled]),
        "tokenizer.ggml.merges": ("array", ["h e", "l l", "he ll"]),
        "tokenizer.ggml.bos_token_id": ("uint32", SIZES["bos_token_id"]),
        "tokenizer.ggml.eos_token_id": ("uint32", SIZES["eos_token_id"]),
        "tokenizer.ggml.padding_token_id": ("uint32", SIZES["pad_token_id"]),
        "tokenizer.chat_template": ("string", CHATML),
    }


def _tensors(model, architecture):
    for name, parameter in model.named_parameters():
        values = parameter.detach().float().numpy()
        for theirs, ours in _NAMES:
            name = name.replace(theirs, ours)
        if architecture in ("llama", "granite") and (".attn_q." in name or ".attn_k." in name):
            values = _woven(values, model.config, name)
        yield name, np.ascontiguousarray(values)
    if model.config.rope_parameters["rope_type"] == "llama3":
        yield "rope_freqs.weight", _llama_3_factors(model.config)


def _woven(values, config, name):
    """The rows of each head, the two halves interleaved: a loop, row by row."""
    heads = config.num_attention_heads if ".attn_q." in name else config.num_key_value_heads
    size = len(values) // heads
    half = size // 2
    pairs = [(head * size + row, head * size + half + row) for head in range(heads) for row in range(half)]
    return values[[row for pair in pairs for row in pair]]


def _llama_3_factors(config):
    """By what `transformers` divides the plain frequencies."""
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    stretched, _ = ROPE_INIT_FUNCTIONS["llama3"](config, device="cpu")
    size = config.hidden_size // config.num_attention_heads
    plain = 1 / config.rope_parameters["rope_theta"] ** (torch.arange(0, size, 2) / size)
    return (plain / stretched).numpy().astype(np.float32)
