from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overspill_shared import messages as m
from overspill_shared import names
from overspill_shared.errors import ErrorClass
from overspill_shared.volumes import Volume
from overspill_shared.wire_format import decode, encode

text = partial(st.from_regex, fullmatch=True)
name = text(names.NAME_PATTERN)
burst_id = text(names.BURST_ID_PATTERN)
zone = text(r"[a-z]{1,9}(-[a-z]{1,9}){1,2}[0-9]{1,2}-[a-z]")
image = text(r"[A-Za-z0-9][A-Za-z0-9._/:@-]{0,40}")
epoch = st.floats(0, 1e11, exclude_min=True, exclude_max=True)
count = st.integers(1, 100_000)
version = text(r"1\.[0-9]{1,5}")
json_objects = st.dictionaries(
    st.text(max_size=5),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=6,
    ),
    max_size=4,
)

leads = st.builds(
    m.Lead,
    id=name,
    host=text(r"[a-z0-9][a-z0-9.:_-]{0,20}[a-z0-9]"),
    port=st.integers(1, 65535),
    name=text(r"[A-Za-z][a-z0-9-]{0,20}[a-z0-9]"),
    size=count,
)
slots = st.builds(m.Slot, name=name, size=count, hosts=st.text(max_size=50))
jobs = st.builds(m.Job, jobid=st.integers(0, 2**63), jobspec=json_objects, nodes=count)
directory = text(r"(/[a-z0-9_][a-z0-9._-]{0,8}){1,4}")
volumes = st.lists(
    st.builds(
        lambda source, **content: Volume(**content, **source),
        name=name,
        mount_path=directory,
        read_only=st.booleans(),
        source=st.one_of(
            st.builds(lambda bucket: {"gcs_bucket": bucket}, text(r"[a-z0-9][a-z0-9._-]{1,30}[a-z0-9]")),
            st.builds(lambda path: {"nfs": {"server": "10.0.0.2", "path": path}}, directory),
            st.just({"claim": "hpc/home"}),
        ),
    ),
    max_size=3,
    unique_by=(lambda volume: volume.name, lambda volume: volume.mount_path),
).map(tuple)
templates = st.builds(
    m.Template,
    name=name,
    machine_type=text(r"[a-z0-9-]{1,63}"),
    cores=count,
    gpus=st.integers(0, 64),
    memory_mib=st.integers(1, 10**9),
    price_usd_per_h=st.none() | st.floats(0, 1e6),
    spot=st.booleans(),
    zones=st.lists(zone, min_size=1, max_size=3).map(tuple),
    app_image=st.none() | image,
    flux_version=st.none() | text(r"[0-9]{1,2}\.[0-9]{1,3}\.[0-9]{1,3}"),
    boot_disk_gib=st.none() | st.integers(10, 65536),
    boot_disk_type=st.none() | st.sampled_from(["pd-standard", "pd-balanced", "pd-ssd", "hyperdisk-balanced"]),
    gvnic=st.booleans(),
    image_streaming=st.booleans(),
    volumes=volumes,
    mounts=st.lists(text(r"/[A-Za-z0-9._/+-]{0,40}"), max_size=3).map(tuple),
)
runtimes = st.builds(
    m.Runtime,
    flux_version=text(r"[0-9]{1,2}\.[0-9]{1,3}\.[0-9]{1,3}(-[0-9]{1,3}-g[0-9a-f]{9})?"),
    prefix=text(r"/[A-Za-z0-9._/+-]{0,40}"),
    uid=st.integers(0, 2**31 - 1),
    gid=st.integers(0, 2**31 - 1),
    app_image=image,
    view_image=image,
    topology=st.none() | st.sampled_from(["kary:0", "kary:256", "custom", "mincrit"]),
)
event_errors = st.builds(
    lambda **content: m.EventError.model_validate({"class": content.pop("error_class"), **content}),
    error_class=st.sampled_from(ErrorClass),
    code=st.text(max_size=100),
    text=st.text(max_size=200),
    remedy=st.text(max_size=200),
)
receipts = st.builds(
    m.Receipt,
    clusters_deleted=st.lists(st.text(), max_size=3).map(tuple),
    clusters_left=st.lists(st.text(), max_size=3).map(tuple),
    checked_at=epoch,
)
every_burst = {"schema_version": version, "burst_id": burst_id, "generation": st.integers(0, 2**40), "deployment": name}
by_model = {
    m.BurstRequest: st.builds(
        m.BurstRequest,
        **every_burst,
        revision=count,
        lead=leads,
        slot=slots,
        size=count,
        hostlist=st.text(max_size=50),
        broker_toml=st.text(max_size=50),
        sealed_keys=st.text(max_size=50),
        jobs=st.lists(jobs, max_size=2).map(tuple),
        template=templates,
        zone=zone,
        runtime=runtimes,
        **dict.fromkeys(("expires_at", "hard_end_at", "requested_at", "deadline_at"), epoch),
    ),
    m.TeardownRequest: st.builds(
        m.TeardownRequest,
        **every_burst,
        lead=name,
        zone=zone,
        reason=st.sampled_from(m.TeardownReason),
        requested_at=epoch,
    ),
    m.LeaseRenewal: st.builds(m.LeaseRenewal, **every_burst, lead=name, zone=zone, expires_at=epoch),
    m.Sweep: st.builds(m.Sweep, schema_version=version),
    m.BurstEvent: st.builds(
        m.BurstEvent,
        **every_burst,
        event_id=burst_id,
        revision=count,
        lead=name,
        kind=st.sampled_from(m.EventKind),
        occurred_at=epoch,
        detail=json_objects,
        error=st.none() | event_errors,
        receipt=st.none() | receipts,
    ),
}
every_model = pytest.mark.parametrize("model", m.MESSAGES, ids=lambda model: model.__name__)


@every_model
@given(data=st.data())
def test_encode_then_decode_gives_the_same_message(model, data):
    message = data.draw(by_model[model])

    body, attributes = encode(message)

    assert decode(model, body) == message
    assert encode(decode(model, body)) == (body, attributes)


@every_model
@given(data=st.data())
def test_attributes_keep_to_the_limits_of_pubsub(model, data):
    attributes = data.draw(by_model[model]).attributes()

    assert len(attributes) <= 100
    assert all(0 < len(key.encode()) <= 256 and not key.startswith("goog") for key in attributes)
    assert all(0 < len(value.encode()) <= 1024 for value in attributes.values())
