"""What a run will need, from its config and its model's config.json alone: memory, tokens, time. No weights are read.

`shape`, `memory`, `work`, `plan`: arithmetic without torch. `reading`, `rate`: what files and the machine say.
"""
