"""`passwd`: prints an entry for the password file of amqtt's FileAuthPlugin."""

from __future__ import annotations

import getpass
import sys
from typing import TYPE_CHECKING

from adapter.commands import exit_codes
from adapter.identity.passwd import password_entry

if TYPE_CHECKING:
    import argparse


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "passwd",
        help="make an entry for the password file",
        description="Prints a line for the password file. Prompts for the password, or reads it from standard input.",
        epilog="Example: python -m adapter passwd sensor1@demo >> config/passwords",
    )
    parser.add_argument("username", help="the device's user name, {auth-id}@{tenant}")
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the entry."""
    if sys.stdin.isatty():
        password = getpass.getpass()
        if getpass.getpass("Again: ") != password:
            sys.stderr.write("The passwords differ.\n")
            return exit_codes.USAGE
    else:
        password = sys.stdin.readline().rstrip("\n")
    try:
        sys.stdout.write(password_entry(arguments.username, password) + "\n")
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return exit_codes.USAGE
    return exit_codes.OK
