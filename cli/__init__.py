"""The command: an HTTP client for people, and serve.py, where everything is tied together."""
