"""Training by likelihood: texts are given, and the model learns to write them, as in fine-tuning and pretraining."""
