"""``jobset doctor``."""

from collections.abc import Iterator
from dataclasses import asdict

import click
from rich.text import Text

from jobset_client.cli.access import Access, pass_access
from jobset_client.cli.chunk_diagnosis import check_chunks
from jobset_client.cli.diagnosis import (
    Finding,
    Level,
    check_cluster,
    check_installation,
    check_messages,
    check_server,
    check_workers,
    unreachable,
)
from jobset_client.cli.errors import ExitCode
from jobset_client.cli.output import print_json, say, stdout
from jobset_client.cli.text import plural, safe
from jobset_client.cluster import LocalCluster
from jobset_protocol.errors import JobSetError
from jobset_protocol.store import without_password


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_access
def doctor(access: Access, as_json: bool) -> None:
    """Check the installation, the server, the workers, recent job sets and the local cluster.

    Nothing is started.  The exit code is 1 when there is a problem (✗); a warning (!)
    does not count.
    """
    findings = list(_findings(access))
    problems = sum(finding.level is Level.PROBLEM for finding in findings)
    if as_json:
        print_json({"ok": not problems, "findings": [asdict(finding) for finding in findings]})
    else:
        _print(findings)
        warnings = sum(finding.level is Level.WARNING for finding in findings)
        say(f"{plural(problems, 'problem')}, {plural(warnings, 'warning')}.")
    click.get_current_context().exit(ExitCode.FAILED if problems else ExitCode.OK)


def _findings(access: Access) -> Iterator[Finding]:
    yield from check_installation()
    if access.url is None:
        yield from check_cluster(LocalCluster().status())
    url = access.running_url()
    if url is None:
        return
    try:
        with access.store_at(url) as store:
            yield from check_server(store, without_password(url))
            yield from check_workers(store)
            yield from check_messages(store)
            yield from check_chunks(store)
    except JobSetError as error:
        yield unreachable(error)


def _print(findings: list[Finding]) -> None:
    console = stdout()
    width = max(len(finding.subject) for finding in findings)
    for finding in findings:
        line = Text.assemble(
            (finding.level.sign, finding.level.style),
            f" {finding.subject:<{width}}  {safe(finding.message)}",
        )
        console.print(line, soft_wrap=True)
        if finding.advice:
            console.print(Text(f"{'':{width + 4}}→ {safe(finding.advice)}"), soft_wrap=True)
