"""Workshop 1: turns a source into an image."""
