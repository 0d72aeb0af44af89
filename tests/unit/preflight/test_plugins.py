"""`adapter.preflight.plugins`: whether amqtt's plugins can be used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adapter.identity.gatekeeper import IdentityConfig
from adapter.identity.passwd import password_entry
from adapter.preflight.finding import Finding, Verdict
from adapter.preflight.plugins import check_identity

if TYPE_CHECKING:
    from pathlib import Path

FILE_AUTH = "amqtt.plugins.authentication.FileAuthPlugin"


def findings(plugins: dict[str, dict[str, Any]], *, required: bool = True) -> list[Finding]:
    return list(check_identity(IdentityConfig(required=required, plugins=plugins, gateways=())))


def test_a_plugin_with_a_well_formed_password_file_is_good(tmp_path: Path) -> None:
    file = tmp_path / "passwords"
    file.write_text(password_entry("d1@demo", "secret") + "\n")
    [finding] = findings({FILE_AUTH: {"password_file": str(file)}})
    assert (finding.verdict, finding.subject) == (Verdict.OK, FILE_AUTH)


def test_every_mistake_is_a_finding_and_no_content_of_the_file_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "passwords"
    file.write_text("a-password-alone\n")
    found = findings({"no.such.Plugin": {}, FILE_AUTH: {"password_file": str(file)}})
    assert [finding.verdict for finding in found] == [Verdict.FAILED, Verdict.FAILED]
    assert found[0].text.startswith("no.such.Plugin cannot be imported")
    assert found[1].text == f"{FILE_AUTH}: line 1 of the password file {file} is not user-name:argon2-hash"
    assert found[1].fix == "make it with: python -m adapter passwd NAME"


def test_no_plugin_is_good_only_where_none_is_required() -> None:
    assert [finding.verdict for finding in findings({}, required=False)] == [Verdict.OK]
    assert [finding.verdict for finding in findings({}, required=True)] == [Verdict.FAILED]
