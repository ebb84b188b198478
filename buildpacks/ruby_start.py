"""Which gems a Ruby app has, and how it is started without a Procfile."""

import re

from buildpacks import errors
from buildpacks.tree import Tree

UNLOCKED = "Without Gemfile.lock each build takes the newest gems: commit what `bundle lock` makes."
FIRST = ("app.rb", "main.rb", "server.rb")


def gems(tree: Tree) -> frozenset[str]:
    """Return the names of the gems that the Gemfile and its lock name."""
    names = re.findall(r"^\s*gem\s+[\"']([^\"']+)", tree.text("Gemfile"), re.MULTILINE)
    if "Gemfile.lock" in tree:
        names += re.findall(r"^ {4}(\S+) \(", tree.text("Gemfile.lock"), re.MULTILINE)
    return frozenset(names)


def guess(tree: Tree, gems: frozenset[str]) -> tuple[str, str]:
    """Return web's command and why; raises BuildFailed that says what to add."""
    if "config.ru" in tree and "puma" in gems:
        settings = " -C config/puma.rb" if "config/puma.rb" in tree else ""
        kind = "Rails" if "rails" in gems or "bin/rails" in tree else "config.ru"
        return f"bundle exec puma{settings} -b tcp://0.0.0.0:$PORT", f"{kind} with Puma"
    if "bin/rails" in tree:
        return "bundle exec rails server -b 0.0.0.0 -p $PORT", "Rails"
    if "config.ru" in tree:
        return "bundle exec rackup config.ru -o 0.0.0.0 -p $PORT", "config.ru"
    for name in FIRST:
        if name in tree:
            return f"bundle exec ruby {name}", f"{name} is the only start there is"
    raise errors.no_web_command(
        "There is no Procfile, no config.ru and no app.rb.",
        "Add a Procfile with a line such as: web: bundle exec puma -b tcp://0.0.0.0:$PORT",
    )
