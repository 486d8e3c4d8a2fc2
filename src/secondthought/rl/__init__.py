"""The mathematics of learning from groups needs torch only and knows no task, model, prompt or file.

Dimensions: P groups (problems), G branches of a group, B rows, T tokens, V vocabulary. Functions return values per
token; whoever calls divides once, by the number of learning tokens of the whole step, so that how a step is cut into
micro-batches changes nothing.
"""
