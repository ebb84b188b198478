"""The local backend: Docker Engine, Caddy, and a DNS responder that holds the routes."""
