from overspill_shared.burst_mark import BurstMark, mark_of


def test_mark_of_a_request_says_which_burst_it_is_and_no_key(burst_request):
    request = burst_request()
    text = mark_of(request).model_dump_json()

    mark = BurstMark.model_validate_json(text)
    assert (mark.burst_id, mark.generation, mark.revision) == (request.burst_id, request.generation, request.revision)
    assert (mark.deployment, mark.lead, mark.slot) == (request.deployment, request.lead.id, request.slot.name)
    assert (mark.size, mark.template, mark.zone) == (request.size, request.template.name, request.zone)
    assert (mark.requested_at, mark.hard_end_at) == (request.requested_at, request.hard_end_at)
    assert "canary" not in text
    assert request.sealed_keys not in text
