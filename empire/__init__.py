"""The domain: what the platform is. Talks to nothing outside but the database."""
