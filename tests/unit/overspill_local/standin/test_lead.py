import asyncio
import errno
import json

import pytest

from overspill_local.standin.client import StandInClient
from overspill_local.standin.jobspec_writer import Submission, build_jobspec
from overspill_shared.errors import ConfigError, FluxError, FluxUnavailable

DEADLINE_S = 20.0


def jobspec(*command, **options):
    return build_jobspec(
        Submission(**{"command": command, "cwd": "/tmp", "environment": {"PATH": "/usr/bin:/bin"}, **options})
    )


def with_client(serve_lead, uri, use, **options):
    """Run a lead and use a client of it; gives what that gives."""

    async def main():
        async with (
            asyncio.timeout(DEADLINE_S),
            serve_lead(**options) as lead,
            await StandInClient.connect(uri) as client,
        ):
            return await use(client, lead)

    return asyncio.run(main())


def test_job_runs_and_its_output_can_be_read_during_and_after(serve_lead, uri):
    async def use(client, _):
        job = await client.submit(jobspec("sh", "-c", "echo hello; exit 3"))
        live = [line async for line in client.output(job)]
        later = [line async for line in client.output(job)]
        return live, later, await client.wait(job, timeout_s=DEADLINE_S), await client.jobs()

    live, later, job, jobs = with_client(serve_lead, uri, use)

    assert live == later == [{"rank": 0, "host": "lead-0", "task": 0, "stream": "stdout", "line": "hello"}]
    assert (job["result"], job["waitstatus"], job["nodelist"]) == ("FAILED", 3 << 8, "lead-0")
    assert jobs == [job]


def test_cancelled_job_ends(serve_lead, uri):
    async def use(client, _):
        job = await client.submit(jobspec("sleep", "60"))
        await client.cancel(job)
        return await client.wait(job, timeout_s=DEADLINE_S)

    assert with_client(serve_lead, uri, use)["result"] == "CANCELED"


def test_shutdown_ends_running_jobs_and_connections(serve_lead, uri):
    async def use(client, lead):
        job = await client.submit(jobspec("sleep", "60"))
        lead.stop()
        result = await client.wait(job, timeout_s=DEADLINE_S)
        while True:
            try:
                await client.resource_list()
            except FluxUnavailable:
                return result

    assert with_client(serve_lead, uri, use)["result"] == "CANCELED"


def test_ranks_are_listed_drained_and_undrained(serve_lead, uri):
    async def use(client, _):
        await client.drain(frozenset({0}), "why")
        drained = await client.resource_list()
        await client.undrain(frozenset({0}))
        return drained, await client.resource_list()

    drained, undrained = with_client(serve_lead, uri, use)

    assert (drained["free"]["nodelist"], drained["down"]["nodelist"]) == ("", "lead-0")
    assert (undrained["free"]["nodelist"], undrained["down"]["nodelist"]) == ("lead-0", "")


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("nosuch", {}, "ENOSYS"),
        ("job.output", {"jobid": 1}, "ENOENT"),
        ("job.raise", {"jobid": 1, "type": "x", "severity": 8}, "EINVAL"),
        ("job.submit", {"jobspec": {}}, "EINVAL"),
        ("overlay.leave", {"ranks": "0"}, "EINVAL"),
        ("resource.drain", {"ranks": "9"}, "EINVAL"),
        ("kvs.lookup", {}, "EINVAL"),
    ],
)
def test_request_that_is_wrong_is_refused_with_its_errno(serve_lead, uri, method, params, code):
    async def use(client, _):
        with pytest.raises(FluxError) as refused:
            await client.call(method, **params)
        return refused.value.code, await client.resource_list()

    found, still_served = with_client(serve_lead, uri, use)

    assert found == code
    assert still_served


def test_service_is_one_connections_until_it_ends(serve_lead, uri):
    async def use(client, _):
        async with await StandInClient.connect(uri) as other:
            await other.call("service.register", service="agent")
            await client.call("service.register", service="another")
            with pytest.raises(FluxError) as refused:
                await client.call("service.register", service="agent")
        while True:
            try:
                await client.call("service.register", service="agent")
            except FluxError:
                continue
            return refused.value.code

    assert with_client(serve_lead, uri, use) == errno.errorcode[errno.EEXIST]


def test_stream_that_is_cancelled_tells_no_more(serve_lead, uri, directory):
    async def main():
        async with asyncio.timeout(DEADLINE_S), serve_lead(), await StandInClient.connect(uri):
            reader, writer = await asyncio.open_unix_connection(str(directory / "local"))

            async def ask(request_id, method, **params):
                request = {"id": request_id, "method": method, "params": params}
                writer.write(json.dumps(request).encode() + b"\n")
                seen = []
                while not seen or seen[-1].get("event", seen[-1]).get("kind") != "history-replayed":
                    seen.append(json.loads(await reader.readline()))
                    if "result" in seen[-1]:
                        break
                return seen

            await ask(1, "subscribe")
            told = await ask(2, "resource.drain", ranks="0")
            await ask(3, "stream.cancel", stream=1)
            untold = await ask(4, "resource.undrain", ranks="0")
            writer.close()
            return told, untold

    told, untold = asyncio.run(main())

    assert {"id": 1, "event": {"kind": "drained", "ranks": "0"}} in told
    assert [message["id"] for message in untold] == [4]


@pytest.mark.parametrize("line", [b"hello\n", b'{"id": "x", "method": "job.list"}\n', b'{"id": 1}\n'])
def test_client_that_speaks_another_language_is_hung_up_on(serve_lead, uri, directory, line):
    async def use(client, _):
        reader, writer = await asyncio.open_unix_connection(str(directory / "local"))
        writer.write(line)
        answer = await reader.read()
        writer.close()
        return answer, await client.jobs()

    assert with_client(serve_lead, uri, use) == (b"", [])


def test_socket_is_its_owners_alone_and_gone_afterwards(serve_lead, uri, directory):
    async def use(_client, _lead):
        return (directory / "local").stat().st_mode & 0o777

    assert with_client(serve_lead, uri, use) == 0o600
    assert not (directory / "local").exists()


def test_client_without_a_lead_gives_up_in_time(uri):
    with pytest.raises(FluxUnavailable, match="no stand-in instance answers"):
        asyncio.run(StandInClient.connect(uri, timeout_s=0.05))


def test_client_of_another_address_is_refused():
    with pytest.raises(ConfigError, match="FLUX_URI"):
        asyncio.run(StandInClient.connect("local:///run/flux/local"))
