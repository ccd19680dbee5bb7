import os
import stat

from runtime.home import load_secret, open_home


def test_the_home_is_made_and_closed_to_other_users(tmp_path, monkeypatch):
    monkeypatch.setenv("WAYBILL_HOME", str(tmp_path / "deep" / "home"))
    home = open_home()
    home.chmod(0o777)

    # Root's server is another user's process and must pass through, without reading the list.
    expected = 0o711 if os.geteuid() == 0 else 0o700
    assert stat.S_IMODE(open_home().stat().st_mode) == expected


def test_a_secret_is_made_once(tmp_path):
    secret = load_secret(tmp_path / "secret")

    assert len(secret) > 50
    assert load_secret(tmp_path / "secret") == secret
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]
