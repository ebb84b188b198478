"""The `empire` command: finds the file of the word that was typed, and imports no other."""

import difflib
import importlib
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any, NoReturn

from cli.server import DEFAULT_URL, Server
from empire.errors import EmpireError

COMMANDS: dict[str, dict[str, tuple[str, str]]] = {
    "Apps": {
        "apps": ("cli.apps:index", "List your apps."),
        "apps:create": ("cli.apps:create", "Make an app, and the git remote to push to it."),
        "apps:info": ("cli.apps:info", "Show an app."),
        "apps:role": ("cli.task_role:role", "Show or set the AWS role that an app's code has."),
        "apps:placement": (
            "cli.placement:placement",
            "Show or set on what an app's tasks run on AWS.",
        ),
        "apps:rename": ("cli.apps:rename", "Give an app another name."),
        "apps:destroy": ("cli.apps:destroy", "Destroy an app with all that belongs to it."),
        "domains": ("cli.domains:index", "List an app's domains."),
        "domains:add": ("cli.domains:add", "Let an app answer at another host name."),
        "domains:remove": ("cli.domains:remove", "Take a host name from an app."),
        "domains:wait": ("cli.domains:wait", "Wait until a domain has its certificate."),
        "maintenance": ("cli.maintenance:index", "Tell whether an app is in maintenance."),
        "maintenance:on": ("cli.maintenance:on", "Show a page to every request; no dyno sees any."),
        "maintenance:off": ("cli.maintenance:off", "Let requests reach the dynos again."),
        "git:remote": ("cli.git:remote", "Add the git remote of an app to this repository."),
    },
    "What runs": {
        "ps": ("cli.ps:index", "List an app's dynos."),
        "ps:scale": ("cli.ps:scale", "Set how many dynos run."),
        "ps:resize": ("cli.ps:resize", "Set how large dynos are."),
        "ps:type": ("cli.ps:resize", "Set how large dynos are."),
        "ps:restart": ("cli.ps:restart", "Restart dynos; no request is lost."),
        "ps:stop": ("cli.ps:stop", "Stop a dyno."),
        "ps:exec": ("cli.run:inside", "Run a command, else a shell, inside a running dyno."),
        "run": ("cli.run:run", "Run a command in a dyno of its own."),
        "run:detached": ("cli.run:detached", "Run a command in a dyno that nobody waits for."),
        "logs": ("cli.logs:index", "Show an app's log."),
        "config": ("cli.config:index", "Show an app's config vars."),
        "config:get": ("cli.config:get", "Print one config var."),
        "config:set": ("cli.config:set_", "Set config vars and follow the change to live."),
        "config:unset": ("cli.config:unset", "Remove config vars and follow the change to live."),
        "config:edit": (
            "cli.config_text:edit",
            "Edit the config vars in your editor and follow the change to live.",
        ),
        "config:import": (
            "cli.config_text:import_",
            "Set the config vars of a dotenv file and follow the change to live.",
        ),
        "releases": ("cli.releases:index", "List an app's releases."),
        "releases:info": ("cli.releases:info", "Show a release."),
        "releases:output": ("cli.releases:output", "Show what was said when a release was made."),
        "releases:diff": ("cli.releases:diff", "Show what differs between two releases."),
        "rollback": ("cli.releases:rollback", "Go back to an earlier release."),
        "deploy": ("cli.deploys:image", "Deploy an image that was built elsewhere."),
        "deploys": ("cli.deploys:index", "List an app's deployments."),
        "deploys:output": ("cli.deploys:output", "Follow a deployment's output to its end."),
        "deploys:cancel": ("cli.deploys:cancel", "Stop a deployment that waits or moves."),
    },
    "Builds on this machine": {
        "build": (
            "cli.build:build",
            "Build the app in a folder on this machine's engine, and print the image's id.",
        ),
        "build:plan": ("cli.build:plan", "Show what would be built and why."),
    },
    "You": {
        "login": ("cli.login:login", "Keep a token for this server in ~/.netrc."),
        "keys": ("cli.keys:index", "List your SSH keys."),
        "keys:add": ("cli.keys:add", "Add an SSH key, by which git push knows you."),
        "keys:remove": ("cli.keys:remove", "Remove an SSH key."),
    },
    "Server": {
        "disk": ("cli.disk:disk", "Show what takes up the server's disk."),
        "serve": ("cli.serve:serve", "Run the server."),
        "bootstrap:aws": (
            "cli.bootstrap:aws",
            "Make an AWS account ready for apps, or change what differs.",
        ),
        "version": ("cli.version:version", "Print the version."),
    },
}
WITH_FOREIGN_WORDS = ("ps:exec", "run", "run:detached")
"""Their options stand before the first word; what follows is for the command that they run."""
WITH_SERVERS_PARTS = ("build", "build:plan", "bootstrap:aws", "serve")
_ALL = {name: entry for group in COMMANDS.values() for name, entry in group.items()}


def run() -> NoReturn:
    """Run the command of the process's arguments and exit: 0 well, 1 failed, 2 wrong usage."""
    try:
        sys.exit(main(sys.argv[1:]))
    except EmpireError as error:
        sys.stderr.write("".join(f" !     {line}\n" for line in str(error).splitlines()))
        sys.exit(1)
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        sys.exit(130)


def main(arguments: Sequence[str]) -> int:
    """Run the command and return the exit code."""
    options, words = _split(arguments)
    words = joined(words)
    if words[:1] == ["help"]:
        words = [*words[1:2], "--help"]
    if not words or words[0] in ("--help", "-h"):
        sys.stdout.write(overview())
        return 0
    if words[0] in ("--version", "-V"):
        words = ["version"]
    if words[0] not in _ALL:
        sys.stderr.write(_unknown(words[0]))
        return 2
    return _invoke(words[0], [*options, *words])


def joined(words: Sequence[str]) -> list[str]:
    """Return the words with the command in colon form: `apps create x` is `apps:create x`."""
    if len(words) > 1 and f"{words[0]}:{words[1]}" in _ALL:
        return [f"{words[0]}:{words[1]}", *words[2:]]
    return list(words)


def overview() -> str:
    """Return the list of all commands."""
    width = max(map(len, _ALL)) + 2
    lines = ["Usage: empire [--url URL] COMMAND [OPTIONS]", ""]
    for title, commands in COMMANDS.items():
        lines += [title, *(f"  {name:{width}}{says}" for name, (_, says) in commands.items()), ""]
    lines += [
        "`empire COMMAND --help` tells more. `empire apps create` is the same as `empire apps:create`.",
        f"The server is EMPIRE_URL or {DEFAULT_URL}; the token is EMPIRE_API_KEY or in ~/.netrc.",
    ]
    return "\n".join(lines) + "\n"


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the options that stand before the command, and the rest."""
    if arguments and arguments[0] == "--url":
        return list(arguments[:2]), list(arguments[2:])
    if arguments and arguments[0].startswith("--url="):
        return [arguments[0]], list(arguments[1:])
    return [], list(arguments)


def _unknown(word: str) -> str:
    near = difflib.get_close_matches(word, _ALL, n=3)
    meant = f" Did you mean {' or '.join(near)}?" if near else ""
    return (
        f" !     There is no command {word!r}.{meant}\n !     `empire --help` lists all commands.\n"
    )


def _invoke(name: str, arguments: list[str]) -> int:
    import typer

    def root(
        context: typer.Context,
        url: Annotated[str, typer.Option(envvar="EMPIRE_URL")] = DEFAULT_URL,
        # Meant to come from the environment: arguments are seen by everybody on the machine.
        token: Annotated[str, typer.Option(envvar="EMPIRE_API_KEY", hidden=True)] = "",
    ) -> None:
        context.obj = Server(url.rstrip("/"), token)

    app = typer.Typer(
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(root)
    settings = {"allow_interspersed_args": False} if name in WITH_FOREIGN_WORDS else {}
    app.command(name, help=_ALL[name][1], context_settings=settings)(_function(name))
    code = typer.main.get_command(app).main(arguments, prog_name="empire", standalone_mode=True)
    return code or 0


def _function(name: str) -> Callable[..., Any]:
    module, _, function = _ALL[name][0].partition(":")
    try:
        found: Callable[..., Any] = getattr(importlib.import_module(module), function)
    except ModuleNotFoundError as error:
        if name not in WITH_SERVERS_PARTS or (error.name or "").partition(".")[0] in (
            "cli",
            "empire",
        ):
            raise
        from cli.errors import not_installed

        raise not_installed(error.name or "a part") from None
    return found


if __name__ == "__main__":
    run()
