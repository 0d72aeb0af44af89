"""How the programs of a language are built and started, and which versions of libraries they have: one class each."""

from __future__ import annotations

import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Protocol

from tests.support.maven import CACHE, jars

HERE = Path(__file__).parent
BUILT = CACHE / "clients"
BUILD_SECONDS = 1_800


class ToolMissingError(RuntimeError):
    """A program that builds or runs clients is not there."""


class Language(Protocol):
    """`program` is a file's name without its ending; `library` as the language's registry calls it."""

    name: str

    def build(self) -> None: ...
    def command(self, program: str) -> list[str]: ...
    def version(self, library: str) -> str: ...


def need(program: str, whose: str) -> None:
    """Raise ToolMissingError when the program is not on the PATH."""
    if shutil.which(program) is None:
        raise ToolMissingError(f"{program} is not on the PATH; it comes with {whose}")


def run(*command: str, cwd: Path = HERE) -> str:
    """What a command that must succeed says."""
    done = subprocess.run(command, check=False, cwd=cwd, capture_output=True, text=True, timeout=BUILD_SECONDS)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")
    return done.stdout


class Python:
    """The interpreter that runs the tests; versions are locked in requirements/dev.txt."""

    name = "Python"

    def build(self) -> None:
        """Nothing."""

    def command(self, program: str) -> list[str]:
        return [sys.executable, "-m", f"tests.clients.python.{program}"]

    def version(self, library: str) -> str:
        return importlib.metadata.version(library)


class Mosquitto(Python):
    """A command, driven from Python."""

    name = "command"

    def version(self, library: str) -> str:
        done = subprocess.run([library, "--version"], check=False, capture_output=True, text=True, timeout=10)
        found = re.search(r"version ([\d.]+)", done.stdout)
        assert found is not None, done.stdout
        return found[1]


class Node:
    """Versions are locked in package-lock.json."""

    name = "Node.js"

    def build(self) -> None:
        need("npm", "Node.js (20 or later)")
        if not (HERE / "node" / "node_modules" / ".installed").exists():
            run("npm", "ci", "--no-audit", "--no-fund", "--loglevel=error", cwd=HERE / "node")

    def command(self, program: str) -> list[str]:
        return ["node", str(HERE / "node" / f"{program}.mjs")]

    def version(self, library: str) -> str:
        """As locked, which is what npm installs."""
        lock = json.loads((HERE / "node" / "package-lock.json").read_text())
        version: str = lock["packages"][f"node_modules/{library}"]["version"]
        return version


class Go:
    """Versions are locked in go.mod and go.sum."""

    name = "Go"

    def build(self) -> None:
        need("go", "Go (1.24 or later)")
        run("go", "build", "-mod=readonly", "-trimpath", "-o", f"{BUILT / 'go'}/", "./...", cwd=HERE / "go")

    def command(self, program: str) -> list[str]:
        return [str(BUILT / "go" / program)]

    def version(self, library: str) -> str:
        found = re.search(rf"{re.escape(library)} v(\S+)", (HERE / "go" / "go.mod").read_text())
        assert found is not None, library
        return found[1]


class Rust:
    """Versions are pinned in Cargo.toml; a lock file would have to name the registry."""

    name = "Rust"

    def build(self) -> None:
        need("cargo", "Rust (1.80 or later)")
        run("cargo", "build", "--release", "--quiet", "--target-dir", str(BUILT / "rust"), cwd=HERE / "rust")

    def command(self, program: str) -> list[str]:
        return [str(BUILT / "rust" / "release" / program)]

    def version(self, library: str) -> str:
        found = re.search(rf'^{library} = .*?"=([\d.]+)"', (HERE / "rust" / "Cargo.toml").read_text(), re.MULTILINE)
        assert found is not None, library
        return found[1]


class C:
    """The library is the system's; its version is what pkg-config says."""

    name = "C"

    def build(self) -> None:
        need("cc", "a C compiler")
        need("pkg-config", "pkg-config")
        (BUILT / "c").mkdir(parents=True, exist_ok=True)
        flags = run("pkg-config", "--cflags", "--libs", "libmosquitto").split()
        source = str(HERE / "c" / "libmosquitto_client.c")
        run("cc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", str(BUILT / "c" / "libmosquitto_client"), source, *flags)

    def command(self, program: str) -> list[str]:
        return [str(BUILT / "c" / program)]

    def version(self, library: str) -> str:
        return run("pkg-config", "--modversion", library).strip()


class Java:
    """Versions stand in pom.xml; what those need, in theirs."""

    name = "Java"

    def build(self) -> None:
        need("javac", "a JDK (17 or later)")
        sources = sorted(str(path) for path in (HERE / "java").glob("*.java"))
        run("javac", "-d", str(BUILT / "java"), "-cp", self._libraries(), *sources)

    def command(self, program: str) -> list[str]:
        quick = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx128m")
        return ["java", *quick, "-cp", f"{self._libraries()}:{BUILT / 'java'}", program]

    def version(self, library: str) -> str:
        found = re.search(rf"<artifactId>{re.escape(library)}</artifactId>\s*<version>(.+?)<", self._pom().read_text())
        assert found is not None, library
        return found[1]

    def _libraries(self) -> str:
        return f"{jars(self._pom())}/*"

    @staticmethod
    def _pom() -> Path:
        return HERE / "java" / "pom.xml"
