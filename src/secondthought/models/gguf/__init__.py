"""Models from GGUF files: de-quantized once into an ordinary checkpoint in a cache, and loaded from there ever after.

    header.py         what a file says of itself: settings, and where each tensor lies
    families.py       which architectures are read, and what their tensors and settings are called elsewhere
    rotary.py         positions, as GGUF scales them
    tokens.py         the tokenizer that the file describes, its chat template with it
    split_rules.py    how text is cut before byte pairs are merged, by the name that a file gives
    numbers.py        packed tensors as numbers
    described.py      a file's model without its weights
    checkpoint.py     the directory that is made of a file
    cache.py          where these directories are kept, and how one is found again

A file is data: none of it is run. `gguf`, which knows the packings, is optional and imported only to unpack numbers.
"""
