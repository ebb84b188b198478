"""Door 2: the REST API in Heroku's shapes. Knows nothing of docker, git or AWS."""

from apiserver.app import create_app
from apiserver.server import ApiServer

__all__ = ["ApiServer", "create_app"]
