def test_health_tells_which_ranks_are_up(instance, flux, empty_slot):
    health = flux.examine()

    assert health.online == frozenset(instance.layout.local_ranks)
    assert health.drained == frozenset()


def test_health_of_a_filled_slot_has_its_ranks(instance, flux, slot):
    assert flux.examine().online == frozenset(instance.layout.local_ranks) | slot


def test_health_of_real_flux_tells_queues_state_and_quorum(instance, flux):
    health = flux.examine()

    if not instance.is_real:
        assert (health.queues, health.state_directory, health.quorum, health.bindings_version) == ((), None, None, None)
        return
    assert {queue.name: (queue.is_enabled, queue.is_started) for queue in health.queues} == {
        "local": (True, True),
        "burst": (True, True),
    }
    assert health.state_directory == str(instance.layout.state_directory)
    assert health.quorum == 2
    assert health.bindings_version == flux.facts().flux_version
