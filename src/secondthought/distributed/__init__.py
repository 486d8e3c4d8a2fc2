"""Several processes train one model: `world` is who they are, `sharding` is who holds which part of the weights."""
