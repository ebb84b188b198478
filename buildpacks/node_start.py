"""How a Node.js app without a Procfile is started, and whether it is a site rather than a server."""

from buildpacks import errors
from buildpacks.node_install import Tool
from buildpacks.node_package import Package
from buildpacks.tree import Tree

FIRST = (
    "server.js",
    "index.js",
    "app.js",
    "main.js",
    "server.mjs",
    "index.mjs",
    "server.ts",
    "index.ts",
)
# Frameworks that serve by themselves, and how, when there is no start script.
SERVERS = {
    "next": "next start",
    "nuxt": "node .output/server/index.mjs",
    "@remix-run/serve": "remix-serve build/server/index.js",
    "@react-router/serve": "react-router-serve build/server/index.js",
    "@sveltejs/adapter-node": "node build",
    "@nestjs/core": "node dist/main.js",
    "@astrojs/node": "HOST=0.0.0.0 node dist/server/entry.mjs",
}
# Commands of start scripts that are only meant for development.
DEVELOPMENT = (
    "vite", "react-scripts start", "ng serve", "vue-cli-service serve", "astro dev", "gatsby develop",
    "docusaurus start", "parcel", "webpack serve", "webpack-dev-server", "eleventy --serve",
    "vitepress dev", "astro preview", "http-server", "serve ",
)  # fmt: skip
# Where a tool leaves its pages; what is not known is looked for in all of them.
FOLDERS = {
    "vite": "dist", "react-scripts": "build", "astro": "dist", "gatsby": "public", "parcel": "dist",
    "@vue/cli-service": "dist", "@angular/cli": "dist/*/browser", "@docusaurus/core": "build",
    "@11ty/eleventy": "_site", "vitepress": "docs/.vitepress/dist",
}  # fmt: skip
ALL_FOLDERS = ("dist", "build", "public", "_site", "out", "dist/*/browser", ".output/public")
# These make one page that shows every path by itself.
ONE_PAGE = ("react-scripts", "@vue/cli-service", "@angular/cli", "vite")
MANY_PAGES = ("astro", "gatsby", "@docusaurus/core", "@11ty/eleventy", "vitepress", "vike")


def first_file(tree: Tree, package: Package) -> str:
    """Return the file to start, empty when none is known."""
    main = package.text("main").removeprefix("./")
    return next((name for name in (main, *FIRST) if name in tree), "")


def is_site(tree: Tree, package: Package) -> bool:
    """Tell whether its build leaves pages and nothing of it serves them in production."""
    if "Procfile" in tree or any(name in package.dependencies for name in SERVERS):
        return False
    start = package.scripts.get("start", "")
    is_for_development = not start or start.startswith(DEVELOPMENT)
    if not is_for_development:
        return False
    makes_pages = any(name in package.dependencies for name in FOLDERS)
    return makes_pages or bool(start) or not first_file(tree, package)


def site_folders(tree: Tree, package: Package) -> tuple[str, ...]:
    """Return where to look for the built pages, the likeliest first."""
    del tree
    known = (folder for name, folder in FOLDERS.items() if name in package.dependencies)
    return tuple(dict.fromkeys((*known, *ALL_FOLDERS)))


def fallback(package: Package) -> bool:
    """Tell whether index.html shows every path that has no file of its own."""
    has = package.dependencies
    return any(name in has for name in ONE_PAGE) and not any(name in has for name in MANY_PAGES)


def guess(tree: Tree, package: Package, tool: Tool) -> tuple[str, str]:
    """Return web's command and why; raises BuildFailed that says what to add."""
    if "start" in package.scripts:
        return f"{tool.name} start" if tool.kind != "bun" else "bun run start", "the start script"
    for name, command in SERVERS.items():
        if name in package.dependencies:
            return command, f"{name} is a dependency"
    if file := first_file(tree, package):
        return f"node {file}", f"{file} is the only start there is"
    raise errors.no_web_command(
        "There is no Procfile, no start script in package.json and no server.js or index.js.",
        'Add a start script to package.json, such as "start": "node server.js".',
    )
