"""Workshop 2: turns a release into what is live."""
