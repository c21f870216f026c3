import asyncio

from aiohttp import ClientSession, web

from overspill_local.instance_limit import InstanceLimit

HOST = "127.0.0.1"


class SlowFunction:
    """Answers once it may."""

    def __init__(self):
        self.may_answer = asyncio.Event()
        self.bodies = []

    async def start(self):
        application = web.Application()
        application.router.add_post("/", self._answer)
        self.runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self.runner.setup()
        await web.TCPSite(self.runner, HOST, 0).start()
        return f"http://{HOST}:{self.runner.addresses[0][1]}"

    async def _answer(self, request):
        self.bodies.append(await request.read())
        await self.may_answer.wait()
        return web.Response(status=503)


async def _deliver(limit, posts):
    function, surplus = SlowFunction(), []
    before = InstanceLimit(await function.start(), limit, on_surplus=lambda: surplus.append(429))
    url = await before.start(HOST)
    try:
        async with ClientSession() as session:

            async def post(number):
                async with session.post(url, data=str(number)) as answer:
                    return answer.status

            posted = [asyncio.create_task(post(number)) for number in range(posts)]
            while len(function.bodies) + len(surplus) < posts:  # noqa: ASYNC110 - two counts, no event
                await asyncio.sleep(0.01)
            function.may_answer.set()
            statuses = sorted(await asyncio.gather(*posted))
            return statuses, len(surplus), await post("later")
    finally:
        await before.stop()
        await function.runner.cleanup()


def test_instance_limit_answers_429_to_each_delivery_too_many_and_passes_the_function_s_answer_on():
    statuses, surplus, later = asyncio.run(_deliver(2, 5))

    assert statuses == [429, 429, 429, 503, 503]
    assert surplus == 3
    assert later == 503


def test_instance_limit_before_no_function_answers_503():
    async def post():
        before = InstanceLimit(f"http://{HOST}:1", 1, on_surplus=list)
        url = await before.start(HOST)
        async with ClientSession() as session, session.post(url, data="x") as answer:
            status = answer.status
        await before.stop()
        return status

    assert asyncio.run(post()) == 503
