"""Resources of a run follow from its config and its model's config.json: memory, tokens, time. No weights are read.

`model_shape`, `memory`, `workload`, `plan`: arithmetic without torch. `inputs`, `machine_speed`: what files and the
machine say.
"""
