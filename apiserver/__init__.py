"""Door 2: the platform API in Heroku's shapes."""
