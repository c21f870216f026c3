"""Keys as the real provision function treats them: a wrong one is refused with a remedy, and rotation has no gap."""

import pytest

from overspill_shared import names, sealing


@pytest.fixture
def sealed_for(request_here, keys):
    """Give a function that makes a request whose keys are sealed for the owner of a public key."""

    def build(public_key):
        request = request_here()
        sealed = sealing.seal(keys, sealing.Binding.of(request), public_key)
        return request.model_copy(update={"sealed_keys": sealed})

    return build


@pytest.fixture
def key_file(cloud):
    """The function's private key file, put back after the test."""
    file = cloud.cloud.folder / "private.key"
    before = file.read_bytes()
    yield file
    file.write_bytes(before)


def test_keys_sealed_for_somebody_else_are_rejected_with_a_remedy_and_make_nothing(cloud, sealed_for):
    stranger, _ = sealing.generate_keypair()
    request = sealed_for(stranger)

    cloud.publish(request)

    error = cloud.event_of(request.burst_id, "rejected").error
    assert (error.error_class, error.code) == ("config", "seal-wrong-key")
    assert "public_key" in error.remedy
    assert cloud.kinds(request.burst_id) == ["rejected"]
    assert cloud.creates(names.cluster_name(request.burst_id)) == 0


def test_keys_of_another_message_are_rejected_and_make_nothing(cloud, request_here):
    request = request_here()
    moved = request.model_copy(update={"sealed_keys": request_here().sealed_keys})

    cloud.publish(moved)

    error = cloud.event_of(request.burst_id, "rejected").error
    assert error.code == "seal-mismatch"
    assert "burst_id" in error.text
    assert cloud.creates(names.cluster_name(request.burst_id)) == 0


def test_keys_rotate_without_a_gap_and_without_a_restart(cloud, sealed_for, key_file, teardown_of):
    old = cloud.cloud.environ()["OVERSPILL_PUBLIC_KEY"]
    new, new_private = sealing.generate_keypair()

    key_file.write_bytes(new_private.reveal() + b"\n" + key_file.read_bytes())
    both = [sealed_for(old), sealed_for(new)]
    for request in both:
        cloud.publish(request)
    for request in both:
        cloud.wait_for_kind(request.burst_id, "ready")
        cloud.publish(teardown_of(request))
    for request in both:
        cloud.wait_for_kind(request.burst_id, "removed")
    key_file.write_bytes(new_private.reveal())
    late = sealed_for(old)
    cloud.publish(late)

    assert cloud.event_of(late.burst_id, "rejected").error.code == "seal-wrong-key"
