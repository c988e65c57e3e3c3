"""The `kot` command: one subcommand a file."""

import rich_click as click

from cli.audit import audit
from cli.changes import changes
from cli.conformance import conformance
from cli.contract import contract
from cli.deliver import deliver
from cli.explain import explain
from cli.keyring import keyring
from cli.migrate import migrate
from cli.register import register
from cli.rules import rules
from cli.serve import serve
from cli.verify import verify
from cli.work import work


@click.group()
@click.version_option(package_name="kot-uren")
def main() -> None:
    """Reported hours against declared hours: run the service, deliver to it, look after it."""


for command in (serve, work, migrate, deliver, conformance, register, rules, keyring, contract, audit, changes, explain, verify):
    main.add_command(command)

if __name__ == "__main__":
    main()
