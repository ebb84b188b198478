"""Java and other JVM apps: Maven (pom.xml) or Gradle (build.gradle)."""

import re

from buildpacks import apt, procfile, runtimes
from buildpacks.plan import Artifact, Base, Cache, Copy, Plan, Run
from buildpacks.runtimes import Wish
from buildpacks.stack_facts import Stack
from buildpacks.tree import Tree

SUITES = {"17": "bookworm", "21": "trixie", "25": "trixie"}
DEFAULT = "21"
GRADLE = ("build.gradle", "build.gradle.kts", "settings.gradle", "settings.gradle.kts")
WISHES = (
    ("system.properties", r"^java\.runtime\.version\s*=\s*(?:1\.)?(\d+)"),
    (".java-version", r"^\s*(?:\D+)?(?:1\.)?(\d+)"),
    (".sdkmanrc", r"^java=(\d+)"),
)
# What a build file compiles for; every later Java runs it too.
LEVELS = (
    ("pom.xml", r"<(?:java\.version|maven\.compiler\.(?:release|target)|release)>\s*(?:1\.)?(\d+)"),
    ("build.gradle", r"(?:languageVersion\D*|(?:source|target)Compatibility\D*|release\D{1,9})(\d+)"),
    ("build.gradle.kts", r"(?:languageVersion\D*|(?:source|target)Compatibility\D*|jvmToolchain\()(\d+)"),
)  # fmt: skip
RUN = "exec java $JAVA_OPTS -Dserver.port=$PORT -jar"
ENV = {"JAVA_OPTS": "-XX:MaxRAMPercentage=70 -Dfile.encoding=UTF-8"}


def recognises(tree: Tree) -> bool:
    """Tell whether it has a build file of Maven or Gradle."""
    return "pom.xml" in tree or any(name in tree for name in GRADLE)


def plan(tree: Tree, stack: Stack) -> Plan:
    """Return how to build the jar and start it; tests are not run."""
    del stack  # the version decides on the Debian release
    line, note = runtimes.choose("Java", _wish(tree), tuple(SUITES), DEFAULT)
    tool, command, cache, folder = _maven(tree) if "pom.xml" in tree else _gradle(tree)
    compiler = f"openjdk-{line}-jdk-headless"
    packages = (compiler,) if tool.startswith("./") else (compiler, tool)
    processes, because = _processes(tree, folder)
    return Plan(
        "Java",
        processes,
        notes=(note, f"Build: {command}", because),
        tools=(apt.install(*packages),),
        steps=(
            Copy((".",), "/app/"),
            Run(command, True, (cache,), True),
            Run("rm -rf .gradle build/tmp build/classes target/classes target/test-classes"),
        ),
        artifacts=(Artifact("/app"),),
        env=ENV,
        base=Base(f"java:{line}", SUITES[line], (f"openjdk-{line}-jre-headless",)),
        takes_code=False,
    )


def _wish(tree: Tree) -> Wish | None:
    for path, pattern in WISHES:
        if path in tree and (found := re.search(pattern, tree.text(path), re.MULTILINE)):
            return Wish(path, found[1])
    for path, pattern in LEVELS:
        if path in tree and (found := re.search(pattern, tree.text(path))):
            return Wish(path, f">={found[1]}")
    return None


def _maven(tree: Tree) -> tuple[str, str, Cache, str]:
    tool = "./mvnw" if "mvnw" in tree else "maven"
    start = "sh ./mvnw" if "mvnw" in tree else "mvn"
    command = f"{start} --batch-mode --no-transfer-progress -DskipTests package"
    return tool, command, Cache("maven", "/root/.m2"), "target"


def _gradle(tree: Tree) -> tuple[str, str, Cache, str]:
    tool = "./gradlew" if "gradlew" in tree else "gradle"
    start = "sh ./gradlew" if "gradlew" in tree else "gradle"
    command = f"{start} --no-daemon --console=plain build -x test"
    return tool, command, Cache("gradle", "/root/.gradle"), "build/libs"


def _processes(tree: Tree, folder: str) -> tuple[dict[str, str], str]:
    if "Procfile" in tree:
        processes = procfile.parse(tree.read("Procfile"))
        return processes, f"Procfile: {', '.join(processes) or 'empty'}"
    # Beside the jar that runs stand those of its sources, and of its classes alone.
    jar = (
        f"$(ls {folder}/*.jar | grep -v -e -plain -e -sources -e -javadoc -e original- | head -n 1)"
    )
    return {"web": f"{RUN} {jar}"}, f"No Procfile: web runs the jar in {folder}/"
