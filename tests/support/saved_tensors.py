"""What autograd keeps for the backward of a forward: the oracle of the formulas of memory."""

from contextlib import contextmanager

import torch


@contextmanager
def kept_for_backward(model):
    """Yields a dictionary that fills with the tensors kept, each storage once, the model's parameters left out."""
    known = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in known:
            kept[storage.data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        yield kept


def num_bytes(kept):
    """Bytes of their storages."""
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())
