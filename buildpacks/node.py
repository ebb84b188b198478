"""Node.js apps: package.json with npm, pnpm, Yarn or Bun; servers, and sites that are built."""

from buildpacks import node_install, node_start, node_version, procfile, static
from buildpacks.node_install import Tool
from buildpacks.node_package import Package
from buildpacks.plan import Artifact, Copy, Plan, Run, Step
from buildpacks.stack_facts import Stack
from buildpacks.tree import Tree

KEPT, SITE = "/kept", "/site"
MODULES = "node_modules"
ENV = {"NODE_ENV": "production", "PATH": f"/app/{MODULES}/.bin:{node_install.TOOLS}/bin:$PATH"}
BUILD_ENV = {
    "CI": "true",
    "NEXT_TELEMETRY_DISABLED": "1",
    "PATH": f"{node_install.TOOLS}/bin:$PATH",
    "npm_config_update_notifier": "false",
}


def recognises(tree: Tree) -> bool:
    """Tell whether it has a package.json, and anything to build or to start beside pages."""
    if "package.json" not in tree:
        return False
    package = Package.of(tree)
    has_work = "Procfile" in tree or package.scripts or node_start.first_file(tree, package)
    return bool(has_work) or not static.recognises(tree)


def plan(tree: Tree, stack: Stack) -> Plan:
    """Return how to install, build and start it; stack is not asked: any Debian runs Node.js."""
    del stack
    package = Package.of(tree)
    tool = node_install.tool(tree, package)
    script = package.build_script
    if script and node_start.is_site(tree, package):
        return _site(tree, package, tool)
    base, note = node_version.base(tree, package)
    processes, because = _processes(tree, package, tool)
    is_kept = bool(script) or tool.is_whole
    modules = Artifact(f"{KEPT}/{MODULES}" if is_kept else f"/app/{MODULES}", f"/app/{MODULES}")
    return Plan(
        "Node.js",
        processes,
        notes=(note, tool.note, _build_note(tool, script), because),
        warnings=tool.warnings,
        tools=tool.tools,
        steps=(
            *tool.copies,
            tool.install(with_dev=bool(script)),
            *(_built(tool, script) if script else ()),
            *((_kept(tool, has_dev=bool(script)),) if is_kept else ()),
        ),
        artifacts=(*_tool(tool), modules, *((Artifact("/app"),) if is_kept else ())),
        build_env=BUILD_ENV,
        env=ENV,
        base=base,
        left_out=(f"{MODULES}/",),
        takes_code=not is_kept,
    )


def _site(tree: Tree, package: Package, tool: Tool) -> Plan:
    """Build the pages with Node.js; the image has the pages and our server alone."""
    base, note = node_version.base(tree, package)
    site = static.built(tree, SITE, default=node_start.fallback(package))
    folders = node_start.site_folders(tree, package)
    return Plan(
        "static",
        site.processes,
        notes=(note, tool.note, _build_note(tool, package.build_script), *site.notes),
        warnings=tool.warnings,
        tools=tool.tools,
        steps=(
            *tool.copies,
            tool.install(with_dev=True),
            *_built(tool, package.build_script),
            Run(static.found(folders, SITE)),
        ),
        artifacts=(Artifact(SITE),),
        build_env=BUILD_ENV,
        embedded=site.embedded,
        workbench=base,
        left_out=(f"{MODULES}/",),
        takes_code=False,
    )


def _processes(tree: Tree, package: Package, tool: Tool) -> tuple[dict[str, str], str]:
    if "Procfile" in tree:
        processes = procfile.parse(tree.read("Procfile"))
        return processes, f"Procfile: {', '.join(processes) or 'empty'}"
    command, because = node_start.guess(tree, package, tool)
    return {"web": command}, f"No Procfile: web is `{command}` ({because})"


def _build_note(tool: Tool, script: str) -> str:
    return (
        f"Build: {tool.name} run {script}" if script else "Build: package.json has no build script"
    )


def _built(tool: Tool, script: str) -> tuple[Step, ...]:
    command = f"NODE_ENV=production {tool.name} run {script}"
    return (Copy((".",), "/app/"), Run(command, True, tool.caches, True))


def _kept(tool: Tool, *, has_dev: bool) -> Run:
    """Take development's packages away and the rest apart: its layer outlives changes of code."""
    kept = f"mkdir -p {KEPT} && mv {MODULES} {KEPT}/"
    if not has_dev:
        return Run(kept)
    return Run(f"{tool.prune} && rm -rf {MODULES}/.cache .next/cache && {kept}", True, tool.caches)


def _tool(tool: Tool) -> tuple[Artifact, ...]:
    """Let the image have the tool too: commands of processes start with it."""
    return (Artifact(node_install.TOOLS),) if tool.is_extra else ()
