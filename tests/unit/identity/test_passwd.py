"""Password file entries: what `passwd` makes, FileAuthPlugin's hasher takes; what it would not take is found."""

from pathlib import Path

import pytest
from pwdlib.hashers.argon2 import Argon2Hasher

from adapter.identity.passwd import password_entry, problems_in

EXAMPLE = Path("config/passwords.example")


def test_an_entry_verifies_its_password_and_no_other() -> None:
    username, _, stored = password_entry("sensor1@demo", "pässword").partition(":")
    assert username == "sensor1@demo"
    assert Argon2Hasher().verify("pässword", stored)
    assert not Argon2Hasher().verify("password", stored)


def test_an_entry_is_made_with_parameters_that_owasp_lists() -> None:
    assert password_entry("a", "b").startswith("a:$argon2id$v=19$m=7168,t=5,p=1$")


def test_two_entries_of_one_password_differ() -> None:
    assert password_entry("a", "b") != password_entry("a", "b")


@pytest.mark.parametrize("name", ["", "a:b", "a\nb", "a\r", "#a", " a", "a ", "a\x00", "a\u2028b"])
def test_a_name_that_the_file_cannot_hold_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="user name"):
        password_entry(name, "secret")


def test_an_empty_password_is_refused() -> None:
    with pytest.raises(ValueError, match="password is empty"):
        password_entry("a", "")


def test_comments_blank_lines_and_entries_are_no_problem(tmp_path: Path) -> None:
    file = tmp_path / "passwords"
    file.write_text(f"# devices\n\n{password_entry('a', 'b')}\nold:$6$salt$hash\n")
    assert problems_in(file) == []


def test_a_line_that_is_no_entry_is_named_by_its_number_and_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "passwords"
    file.write_text("# devices\nsecret\na:plaintext\n:$6$salt$hash\n")
    problems = problems_in(file)
    assert [text.split(" of ")[0] for text in problems] == ["line 2", "line 3", "line 4"]
    assert not any("secret" in text or "plaintext" in text for text in problems)


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    missing, folder, binary = tmp_path / "missing", tmp_path / "folder", tmp_path / "binary"
    folder.mkdir()
    binary.write_bytes(b"\xff\xfe")
    assert ["does not exist" in text for text in problems_in(missing)] == [True]
    assert ["Is a directory" in text for text in problems_in(folder)] == [True]
    assert ["not UTF-8" in text for text in problems_in(binary)] == [True]


def test_the_example_file_is_in_order() -> None:
    assert problems_in(EXAMPLE) == []
