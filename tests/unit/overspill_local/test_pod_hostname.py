import os
import socket
import subprocess
import sys

import pytest

from overspill_local import pod_hostname

HOSTNAME = [sys.executable, "-c", "import os, socket; print(socket.gethostname(), os.getpid())"]


def run(argv):
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    out, err = process.communicate(timeout=20)
    return process, out, err


def test_wrapped_command_sees_the_name_in_the_same_process():
    process, out, _ = run(pod_hostname.wrap("burst-0-2", HOSTNAME))
    name, pid = out.split()

    assert int(pid) == process.pid
    assert name == ("burst-0-2" if os.geteuid() == 0 else socket.gethostname())


def test_machine_keeps_its_own_name():
    before = socket.gethostname()
    run(pod_hostname.wrap("burst-0-2", ["true"]))

    assert socket.gethostname() == before


def test_wrapped_command_gives_its_own_exit_code():
    process, _, _ = run(pod_hostname.wrap("burst-0-2", ["sh", "-c", "exit 3"]))

    assert process.returncode == 3


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give up what the name needs")
def test_command_runs_under_the_machines_name_where_another_is_not_permitted():
    drop = "import os, sys; os.setgroups([]); os.setgid(65534); os.setuid(65534); os.execvp(sys.argv[1], sys.argv[1:])"
    _, out, err = run(
        ["/usr/bin/python3", "-c", drop, "/usr/bin/python3", "-I", "-S", pod_hostname.__file__, "x", "hostname"]
    )

    assert (out.strip(), err) == (socket.gethostname(), "")


def test_command_that_does_not_exist_exits_127_with_the_reason():
    process, _, err = run(pod_hostname.wrap("burst-0-2", ["nosuchcommand"]))

    assert process.returncode == 127
    assert err == "nosuchcommand: No such file or directory\n"
