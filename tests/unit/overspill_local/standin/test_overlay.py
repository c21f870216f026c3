import asyncio

import pytest

from overspill_local.standin import follower
from overspill_local.standin.client import StandInClient
from overspill_local.standin.jobspec_writer import Submission, build_jobspec

DEADLINE_S = 20.0
HOSTS = ("lead-0", "burst-0-0", "burst-0-1")


def burstable(*command, **options):
    options = {"attributes": ("burstable",), "cwd": "/tmp", "environment": {"PATH": "/usr/bin:/bin"}, **options}
    return build_jobspec(Submission(command=command, **options))


def with_lead(serve_lead, uri, use, **options):
    """Run a lead with two declared followers; gives what `use` gives."""

    async def main():
        async with (
            asyncio.timeout(DEADLINE_S),
            serve_lead(HOSTS, **options) as lead,
            await StandInClient.connect(uri) as client,
        ):
            return await use(lead, client)

    return asyncio.run(main())


async def until(client, kind, ranks):
    """Wait until the lead tells of these ranks."""
    async for event in client.events():
        if event == {"kind": kind, "ranks": ranks}:
            return


def test_followers_join_run_their_part_and_leave_when_asked(serve_lead, uri, membership_of):
    async def use(lead, client):
        running = [asyncio.create_task(follower.run(membership_of(lead, rank))) for rank in (1, 2)]
        job = await client.submit(burstable("sh", "-c", "echo $FLUX_TASK_RANK of $FLUX_JOB_SIZE", nodes=2))
        lines = [line async for line in client.output(job)]
        await client.call("overlay.leave", ranks="1-2")
        codes = await asyncio.gather(*running)
        await until(client, "online", "0")
        return sorted((line["host"], line["line"]) for line in lines), codes

    lines, codes = with_lead(serve_lead, uri, use)

    assert lines == [("burst-0-0", "0 of 2"), ("burst-0-1", "1 of 2")]
    assert codes == [0, 0]


def test_follower_with_another_certificate_waits_in_silence(serve_lead, uri, membership_of, caplog):
    async def use(lead, client):
        wrong = asyncio.create_task(follower.run(membership_of(lead, 1, cert_sha256="d" * 64)))
        right = asyncio.create_task(follower.run(membership_of(lead, 2)))
        await until(client, "online", "0,2")
        done, _ = await asyncio.wait({wrong}, timeout=0.3)
        online = (await client.resource_list())["free"]["nodelist"]
        for task in (wrong, right):
            task.cancel()
        await asyncio.gather(wrong, right, return_exceptions=True)
        return done, online

    done, online = with_lead(serve_lead, uri, use)

    assert not done
    assert online == "lead-0,burst-0-1"
    assert "burst-0-0" not in caplog.text


def test_follower_without_a_lead_waits_and_joins_once_there_is_one(serve_lead, uri, membership_of):
    async def use(lead, client):
        lost = asyncio.create_task(follower.run(membership_of(lead, 2, lead_port=1)))
        found = asyncio.create_task(follower.run(membership_of(lead, 1)))
        await until(client, "online", "0-1")
        still_waits = not lost.done()
        for task in (lost, found):
            task.cancel()
        await asyncio.gather(lost, found, return_exceptions=True)
        return still_waits

    assert with_lead(serve_lead, uri, use)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"hostname": "burst-0-1"}, "rejecting connection from burst-0-1 (rank 1): burst-0-0 is configured as rank 1"),
        ({"rank": 7}, "rejecting connection from burst-0-0 (rank 7): (null) is configured as rank 7"),
        ({"rank": 0, "hostname": "lead-0"}, "rejecting connection from lead-0 (rank 0): (null) is configured"),
    ],
    ids=["other-host", "beyond-the-list", "the-leads-own"],
)
def test_follower_of_another_configuration_is_rejected(serve_lead, uri, membership_of, caplog, changes, reason):
    async def use(lead, _):
        return await follower.run(membership_of(lead, 1, **changes))

    assert with_lead(serve_lead, uri, use) == 1
    assert reason in caplog.text
    assert "mismatched config?" in caplog.text


def test_follower_that_leaves_by_itself_fails_its_job_and_ends_its_tasks(serve_lead, uri, membership_of):
    async def use(lead, client):
        running = asyncio.create_task(follower.run(membership_of(lead, 1)))
        job = await client.submit(burstable("sh", "-c", "echo up; sleep 60", nodes=1))
        async for _ in client.output(job):
            running.cancel()
            break
        await asyncio.gather(running, return_exceptions=True)
        return await client.wait(job, timeout_s=DEADLINE_S)

    job = with_lead(serve_lead, uri, use)

    assert job["result"] == "FAILED"
    assert job["exception"]["note"] == "node failure on burst-0-0 (rank 1)"


def test_follower_whose_lead_is_gone_exits_with_one(membership_of, serve_lead, uri):
    async def main():
        async def lead(reader, writer):
            await reader.readline()
            writer.write(b'{"welcome": {"uri": "standin:///x"}}\n')
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(lead, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        member = follower.Membership(
            rank=1, hostname="h", cert_sha256="c", lead_host="127.0.0.1", lead_port=port, heartbeat_s=1.0
        )
        async with asyncio.timeout(DEADLINE_S):
            code = await follower.run(member)
        server.close()
        return code

    assert asyncio.run(main()) == 1


def test_follower_that_connects_again_replaces_its_old_connection(serve_lead, uri, membership_of):
    async def use(lead, client):
        first = asyncio.create_task(follower.run(membership_of(lead, 1)))
        await until(client, "online", "0-1")
        second = asyncio.create_task(follower.run(membership_of(lead, 1)))
        code = await first
        await until(client, "online", "0-1")
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        return code

    assert with_lead(serve_lead, uri, use) == 1


def test_silent_follower_is_torpid_until_it_speaks(serve_lead, uri, membership_of):
    async def use(lead, client):
        running = asyncio.create_task(follower.run(membership_of(lead, 1, heartbeat_s=1.0)))
        await until(client, "torpid", "1")
        await until(client, "torpid", "")
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    with_lead(serve_lead, uri, use, torpid_after_s=0.2)
