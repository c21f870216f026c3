from __future__ import annotations

import pytest

from overspill_agent.init.lead_plan import build_plan
from overspill_agent.init.slot_spec import parse_slot

IMAGES = {
    "app_image": "app:1",
    "view_image": "view:1",
    "agent_image": "agent:1",
    "router_image": "nginx:1",
}


@pytest.fixture
def make_plan():
    """Return a function that builds a plan of two slots, changed as a test needs it."""

    def make(*slots, **changes):
        texts = slots or ("burst-0=4:cores=4", "gpu-0=2:cores=8,gpus=1,template=gpu")
        said = {"name": "lead", "size": 2, "cores": 4, **IMAGES, **changes}
        return build_plan(slots=tuple(parse_slot(text) for text in texts), **said)

    return make
