"""All that a build needs before it begins: the commit's files, its submodules', its buildpacks."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace

from buildpacks import submodules
from buildpacks.detect import Detected, detect
from buildpacks.git_fetch import Fetches
from buildpacks.heroku_buildpack import Classic
from buildpacks.roots import Roots
from buildpacks.tree import Tree
from empire.events import Stream
from empire.manifest import Source
from empire.secrets import Secret
from empire.settings import Settings


def gathered(
    source: Source,
    config: Mapping[str, Secret],
    settings: Settings,
    fetches: Fetches,
    key: bytes,
    opened: ExitStack,
) -> Stream[tuple[Source, Tree, Detected]]:
    """Return the source with its submodules, the app's tree, and what builds it.

    They can be read for as long as `opened` is. Raises BuildFailed, InvalidInput.
    """
    roots = Roots.of(config)
    source = yield from submodules.merged(source, roots, settings, fetches, opened)
    tree = opened.enter_context(Tree(source, roots.app))
    found = detect(tree, config)
    if isinstance(found.buildpack, Classic):
        classic = yield from found.buildpack.fetched(settings.build_git_hosts, fetches)
        source = opened.enter_context(fetches.beside(source))
        tree = opened.enter_context(Tree(source, roots.app))
        found = replace(found, buildpack=classic.told(config, key))
    return source, tree, found
