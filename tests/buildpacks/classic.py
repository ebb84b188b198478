"""Classic buildpacks for tests, as commits of their own repositories."""

from tests.buildpacks.sources import File, Program

DETECT_ANY = Program("#!/bin/sh\necho Tool\n")
TOOL: dict[str, File] = {
    "bin/detect": DETECT_ANY,
    "bin/compile": Program(
        """#!/usr/bin/env bash
set -euo pipefail
build=$1 cache=$2 env=$3
echo "-----> Installing the tool"
echo "       on $STACK in $build, home $HOME"
count=$(cat "$cache/count" 2>/dev/null || echo 0)
echo $((count + 1)) >"$cache/count"
echo "compiled $((count + 1)) times, version $SOURCE_VERSION"
mkdir -p "$build/.tool/bin" "$build/.profile.d"
printf '#!/bin/sh\\necho "tool says $*"\\n' >"$build/.tool/bin/tool"
chmod +x "$build/.tool/bin/tool"
echo '[[ $PATH != *.tool* ]] && export PATH="/app/.tool/bin:$PATH" TOOL=ready' >"$build/.profile.d/tool.sh"
ls "$env" >"$build/vars"
[ ! -f "$env/TOKEN" ] || wc -c <"$env/TOKEN" >"$build/length"
echo "export PATH=$build/.tool/bin:\\$PATH" >"$(dirname "$0")/../export"
"""
    ),
}
GREETER: dict[str, File] = {
    "bin/detect": Program(
        '#!/bin/sh\n[ -f "$1/greeting" ] && echo Greeter && exit\necho "no greeting here"; exit 1\n'
    ),
    "bin/compile": Program('#!/bin/sh\ncd "$1" && tool "$(cat greeting)" >made\n'),
    "bin/release": Program(
        "#!/bin/sh\necho '---'\necho 'config_vars:'\necho '  COLOUR: \"pale blue\"'\n"
        "echo '  SHADE: dark'\n"
        "echo 'default_process_types:'\necho '  web: cat made; tool $COLOUR $SHADE'\n"
        "echo '  worker: tool works'\n"
    ),
}
FAILING: dict[str, File] = {
    "bin/detect": DETECT_ANY,
    "bin/compile": Program("#!/bin/sh\necho 'the reason'; exit 7\n"),
}
