"""Tiny random checkpoints of whatever `transformers` has as a causal language model, and which path each takes.

`python tests/support/architectures.py` measures all of them and writes the table of docs/architectures.md.
"""

import contextlib
import logging
import sys
from pathlib import Path

import torch
import transformers as hf
from tiny_models import VOCABULARY_SIZE, byte_tokenizer
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from secondthought.errors import PolicyError
from secondthought.inference.local import LocalPolicy

PAGE = Path(__file__).parents[2] / "docs" / "architectures.md"
LARGEST = 20_000_000
"""Parameters; what cannot be made smaller is left out."""

SIZES = {
    "vocab_size": VOCABULARY_SIZE,
    "vocab_size_per_layer_input": VOCABULARY_SIZE,
    "bos_token_id": 256,
    "eos_token_id": 258,
    "pad_token_id": 256,
    "is_decoder": True,
    **dict.fromkeys(("hidden_size", "d_model", "n_embd", "dim", "lru_width", "embedding_size"), 32),
    **dict.fromkeys(("num_hidden_layers", "n_layer", "n_layers", "decoder_layers", "encoder_layers"), 2),
    **dict.fromkeys(("num_attention_heads", "n_head", "n_heads", "num_heads"), 4),
    **dict.fromkeys(("decoder_attention_heads", "encoder_attention_heads"), 4),
    **dict.fromkeys(("intermediate_size", "ffn_dim", "decoder_ffn_dim", "encoder_ffn_dim", "n_inner"), 48),
    **dict.fromkeys(("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len"), 512),
    **dict.fromkeys(("num_local_experts", "num_experts", "n_routed_experts"), 4),
    **dict.fromkeys(("moe_intermediate_size", "shared_expert_intermediate_size"), 16),
    **dict.fromkeys(("q_lora_rank", "kv_lora_rank"), 16),
    **dict.fromkeys(("qk_nope_head_dim", "v_head_dim", "linear_key_head_dim", "linear_value_head_dim"), 8),
    "num_key_value_heads": 2,
    "head_dim": 8,
    "qk_rope_head_dim": 8,
    "num_experts_per_tok": 2,
    "n_shared_experts": 1,
    "n_group": 1,
    "topk_group": 1,
    "first_k_dense_replace": 1,
    "sliding_window": 24,
    "mamba_n_heads": 4,
    "mamba_d_head": 16,
    "mamba_d_state": 8,
    "mamba_expand": 2,
    "n_mamba_heads": 2,
    "state_size": 8,
    "time_step_rank": 4,
    "conv_kernel": 4,
    "chunk_size": 8,
    "mamba_chunk_size": 8,
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
    "hidden_size_per_layer_input": 8,
    "laurel_rank": 8,
    "num_kv_shared_layers": 0,
}

OWN_SIZES = {
    "mamba2": {"num_heads": 8, "head_dim": 8, "n_groups": 1},
    "gptj": {"rotary_dim": 4},
    "codegen": {"rotary_dim": 4},
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1, "num_hidden_layers": 4},
    "bamba": {"attn_layer_indices": [1]},
    "recurrent_gemma": {"num_hidden_layers": 3},
    "zamba2": {
        "layer_types": ["linear_attention", "hybrid"],
        "num_hidden_layers": 2,
        "hybrid_layer_ids": [1],
        "n_mamba_heads": 4,
        "mamba_headdim": 16,
        "mamba_ngroups": 1,
        "num_mem_blocks": 1,
        "attention_hidden_size": 64,
        "attention_head_dim": 16,
    },
    "granitemoehybrid": {"layer_types": ["mamba", "attention"]},
    "falcon_h1": {"mamba_d_ssm": 64},
}
"""What a few architectures need besides."""


def config_of(model_type):
    """The smallest config of an architecture, each of its kinds of layers twice."""
    kind = hf.CONFIG_MAPPING[model_type]
    usual = kind().to_dict()
    sizes = {name: value for name, value in SIZES.items() if name in usual or name.endswith("token_id")}
    if "qk_rope_head_dim" in usual:  # keys of every head come from one latent vector
        sizes.pop("head_dim", None)
        sizes["num_key_value_heads"] = sizes["num_attention_heads"]
    if usual.get("layer_types"):
        kinds = list(dict.fromkeys(usual["layer_types"]))
        sizes["layer_types"] = (kinds * 2)[: max(2, len(kinds))]
        sizes["num_hidden_layers"] = len(sizes["layer_types"])
    return kind(**{**sizes, **OWN_SIZES.get(model_type, {})})


def odd_model(model_type, seed=0, by=0.2):
    """Weights as large as those of `tiny_models`; ValueError where it cannot be made tiny."""
    config = config_of(model_type)
    with torch.device("meta"):
        size = sum(parameter.numel() for parameter in hf.AutoModelForCausalLM.from_config(config).parameters())
    if size > LARGEST:
        raise ValueError(f"{size} parameters")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = hf.AutoModelForCausalLM.from_config(config).float()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.copy_(by * noise if parameter.dim() > 1 else parameter + 0.1 * noise)
    return model.eval()


def odd_policy(model_type, **settings):
    return LocalPolicy(odd_model(model_type), byte_tokenizer(), name=model_type, **settings)


def row_of(model_type):
    """What docs/architectures.md says of one: its paths in training and in sampling; None where it cannot be built."""
    try:
        policy = odd_policy(model_type)
    except Exception:
        return None
    try:
        shared = policy.unshared_reason is None
        policy.shares(False)
    except PolicyError as error:
        reason = str(error).split(": ", 1)[1]
        return None if "cannot read" in reason else (model_type, "refused", "refused", _short(reason))
    if shared:
        return model_type, "shared", "shared", ""
    uncached = policy.uncached_reason
    sampled = "cached" if uncached is None else "no cache"
    why = policy.unshared_reason if uncached is None else f"{policy.unshared_reason}; {uncached}"
    return model_type, "rows", sampled, _short(why)


def _short(reason):
    return (
        reason.replace("log-probabilities of a few tokens differ by ", "off by ")
        .replace(" from those of the model's own forward, where ", " (")
        .replace(" would be rounding", " is rounding)")
        .replace("|", "/")
    )


def page(rows):
    intro, _, _ = PAGE.read_text(encoding="utf-8").partition("<!-- table -->")
    head = ["| `model_type` | training | sampling | because |", "|---|---|---|---|"]
    body = [f"| `{name}` | {training} | {sampling} | {why} |" for name, training, sampling, why in rows]
    return "\n".join([intro + "<!-- table -->", f"Measured with transformers {hf.__version__}.", "", *head, *body, ""])


def main():
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    rows = []
    for name in sorted(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES):
        with contextlib.redirect_stdout(sys.stderr):
            rows.append(row_of(name))
        print(name, rows[-1], file=sys.stderr, flush=True)
    PAGE.write_text(page([row for row in rows if row]), encoding="utf-8")


if __name__ == "__main__":
    main()
