"""An output head is what a model does after its body, from the last hidden state to logits, run by the model itself.

What that is differs: one product, or besides it a factor (Granite, Cohere), a cap (Gemma 2), a bias. So the head is not
rebuilt here. The model's own forward runs with its body stood in for by states that are there already, and whether that
gives its logits bit for bit is tried once on a row; of a model where it does not, there is no head.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutputWithPast

from secondthought.models.logits_kept import takes


class OutputHead:
    """An `OutputHead` gives logits of hidden states; use `find_head`, which knows whether there is one."""

    def __init__(self, model: PreTrainedModel, body: nn.Module) -> None:
        self._model = model
        self._body = body

    def __call__(self, hidden: Float[Tensor, "M E"]) -> Float[Tensor, "M V"]:
        """Return the model's logits of these states of its body."""
        places = torch.zeros(1, len(hidden), dtype=torch.long, device=hidden.device)
        with _standing_in(self._body, hidden.unsqueeze(0)):
            logits: Tensor = self._model(input_ids=places, use_cache=False).logits
        return logits[0]

    @property
    def learns(self) -> bool:
        """Return whether any weight that the head reads learns; a tied one is the embedding's too."""
        inside = {id(p) for p in self._body.parameters()}
        last = self._model.get_output_embeddings()
        read = [p for p in self._model.parameters() if id(p) not in inside]
        read += [] if last is None else list(last.parameters())
        return any(p.requires_grad for p in read)

    @contextmanager
    def states(self) -> Iterator[list[Tensor]]:
        """Collect in the list the states that the body gives in forwards of the block."""
        found: list[Tensor] = []
        hook = self._body.register_forward_hook(lambda _module, _given, output: found.append(output.last_hidden_state))
        try:
            yield found
        finally:
            hook.remove()


def find_head(model: PreTrainedModel) -> OutputHead | None:
    """Return a model's head; None where it cannot be run apart from the body, or weights are sharded."""
    if model not in _PROVEN:
        _PROVEN[model] = _is_apart(model)
    return OutputHead(model, model.base_model) if _PROVEN[model] else None


_PROVEN: WeakKeyDictionary[PreTrainedModel, bool] = WeakKeyDictionary()


def _is_apart(model: PreTrainedModel) -> bool:
    """Try the head on one row: its logits must be those of the whole model, to the bit."""
    if model.base_model is model or not takes(model, "logits_to_keep"):
        return False
    if any(isinstance(p, DTensor) for p in model.parameters()):  # a head of its own would gather all weights anew
        return False
    head = OutputHead(model, model.base_model)
    ids = torch.arange(2, device=model.device).unsqueeze(0)
    try:
        with torch.no_grad(), head.states() as found:
            whole = model(input_ids=ids, use_cache=False, logits_to_keep=1).logits
            return torch.equal(head(found[0][0, -1:]), whole[0])
    except Exception:  # another library's code on a path that it was not written for may raise anything
        return False


@contextmanager
def _standing_in(body: nn.Module, hidden: Tensor) -> Iterator[None]:
    """Let the body return these states, whatever it is given."""
    before = body.__dict__.get("forward")
    body.forward = lambda *_, **__: BaseModelOutputWithPast(last_hidden_state=hidden)
    try:
        yield
    finally:
        if before is None:
            del body.forward
        else:
            body.forward = before
