"""Programs that a bench starts in processes of their own, so that each measures a fresh interpreter."""
