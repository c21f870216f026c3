import json

from overspill_agent.agent_settings import AgentSettings
from overspill_agent.doctor import command


def test_doctor_with_an_error_shows_it_and_exits_1(instance, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    code = command.run(AgentSettings(), {"FLUX_URI": instance.backend.uri}, as_json=False)

    lines = capsys.readouterr().out.splitlines()
    assert code == 1
    assert any(line.split()[:2] == ["✗", "sealing-key"] for line in lines)
    assert any(line.split()[:2] == ["✓", "slots"] for line in lines)
    assert lines[-1].startswith("1 error, ")


def test_doctor_with_warnings_alone_exits_0(instance, empty_slot, capsys, keypair):
    settings = AgentSettings(public_key=keypair[0], view_image="example.org/view:untold")
    code = command.run(settings, {"FLUX_URI": instance.backend.uri}, as_json=True)

    content = json.loads(capsys.readouterr().out)
    assert (code, content["counts"]["error"]) == (0, 0)
    warnings = {finding["code"] for finding in content["findings"] if finding["severity"] == "warning"}
    assert warnings == ({"link-timeout", "image-version"} if instance.is_real else set())
