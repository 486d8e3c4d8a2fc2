"""PPO's critic: the value model and its update, and the advantages that are made from its values."""
