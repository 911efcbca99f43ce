"""Secrets: from files that nobody else can read, or the environment; never from arguments, never printed."""

from pathlib import Path

import pytest
from pydantic import SecretStr
from typer import Typer
from typer.testing import CliRunner

from carepath.cli.check import check
from carepath.cli.database import migrate
from carepath.cli.output import Trouble
from carepath.settings import Settings
from carepath.wiring import secret_files
from carepath.wiring.store import Unusable, open_as_set

SECRET = "correct-horse-battery"
URL = f"postgresql://carepath:{SECRET}@db.invalid/carepath"


def key(folder: Path, mode: int) -> Path:
    """A key file."""
    path = folder / "carepath.key"
    path.touch(mode=0o600)
    path.write_bytes(b"k" * 32)
    path.chmod(mode)
    return path


@pytest.mark.parametrize(("mode", "good"), [(0o600, True), (0o400, True), (0o640, True)])
def test_owners_and_their_group_may_read(tmp_path: Path, mode: int, good: bool) -> None:
    """As an administrator's group may be set up to make backups."""
    assert (list(secret_files.shown(Settings(), key(tmp_path, mode))) == []) is good


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o602, 0o666, 0o601])
def test_a_secret_for_all_to_read_is_refused(tmp_path: Path, mode: int) -> None:
    """Whoever can change it can choose it. What to do is said; the secret is not."""
    chosen = Settings(key_file=key(tmp_path, mode), database_url=f"sqlite:///{tmp_path}/a.db")
    with pytest.raises(Unusable, match=r"carepath\.key") as refused:
        open_as_set(chosen)
    assert refused.value.hint == f"chmod o-rwx {chosen.key_file}"
    assert "kkkk" not in str(refused.value)


@pytest.mark.parametrize(
    "name",
    [
        *("kafka_key_file", "mllp_key_file", "oidc_private_key_file"),
        *("vault_token_file", "client_key_file"),
    ],
)
def test_so_is_every_other_secret_file(tmp_path: Path, name: str) -> None:
    """Each setting that names one."""
    path = key(tmp_path, 0o644)
    assert list(secret_files.shown(Settings.model_validate({name: path}))) == [path]


def test_every_setting_for_a_secret_file_is_looked_at() -> None:
    """A new one has to be added to the list, or be said here to be no secret."""
    public = {"kafka_ca_file", "kafka_cert_file", "mllp_cert_file", "mllp_client_ca_file"}
    public |= {"mllp_ca_file", "vault_ca_file", "erased_file"}
    named = {name for name in Settings.model_fields if name.endswith("_file")}
    assert named - public == {*secret_files.FILES, "key_file"}


def test_a_containers_own_secrets_are_let_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Docker mounts them readable for all."""
    monkeypatch.setattr(secret_files, "SECRETS", tmp_path)
    assert list(secret_files.shown(Settings(), key(tmp_path, 0o444))) == []


def test_a_file_that_is_not_there_is_for_its_reader_to_miss(tmp_path: Path) -> None:
    """A key is made when there is none."""
    assert list(secret_files.shown(Settings(), tmp_path / "none.key")) == []


@pytest.mark.parametrize("url", [URL, f"postgresql://db.invalid/carepath?password={SECRET}"])
def test_a_password_is_no_argument(url: str) -> None:
    """Every user of a machine can read them; what is said does not repeat it."""
    program = Typer()
    program.command()(migrate)
    done = CliRunner().invoke(program, ["--database-url", url])
    assert isinstance(done.exception, Trouble)
    assert "CAREPATH_DATABASE_URL" in (done.exception.hint or "")
    assert SECRET not in f"{done.output}{done.exception}{done.exception.hint}"


def test_check_prints_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is wrong with the database, and in every form of output."""
    monkeypatch.setenv("CAREPATH_DATABASE_URL", URL.replace("postgresql", "postgresql+psycopg"))
    monkeypatch.setenv("CAREPATH_KEY_FILE", str(key(tmp_path, 0o600)))
    for name in ("KAFKA_PASSWORD", "SMTP_PASSWORD", "OIDC_CLIENT_SECRET", "VAULT_TOKEN"):
        monkeypatch.setenv(f"CAREPATH_{name}", SECRET)
    program = Typer()
    program.command()(check)
    for arguments in ([], ["--json"]):
        done = CliRunner().invoke(program, [*arguments, "--url", "http://127.0.0.1:1"])
        assert done.exit_code == 1
        assert "db.invalid" in done.output
        assert SECRET not in done.output


def test_settings_tell_no_secret_when_they_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a trace or a debugger; and every setting whose name speaks of one is of the type that hides it."""
    monkeypatch.setenv("CAREPATH_DATABASE_URL", URL)
    monkeypatch.setenv("CAREPATH_SMTP_PASSWORD", SECRET)
    assert SECRET not in f"{Settings()!r} {Settings()}"
    for name, field in Settings.model_fields.items():
        if name.endswith(("password", "secret", "token")):
            assert SecretStr in getattr(field.annotation, "__args__", ()), name
