# Who gets messages: the functions by push, each lead's agent by pull from a subscription of its own.

locals {
  # A subscription's longest, and for push the longest that an answer may take; above the functions' time-out.
  ack_deadline_s = 600
  max_attempts   = 100

  pushed = {
    overspill-requests  = "provision"
    overspill-teardowns = "teardown"
    overspill-leases    = "teardown"
    overspill-sweeps    = "teardown"
  }
}

resource "google_pubsub_subscription" "push" {
  for_each = local.pushed

  project                    = var.project
  name                       = "${each.key}-push"
  topic                      = google_pubsub_topic.this[each.key].id
  labels                     = local.labels
  ack_deadline_seconds       = local.ack_deadline_s
  message_retention_duration = local.seven_days

  push_config {
    # The path makes functions-framework name the topic in the CloudEvent's source.
    push_endpoint = "${google_cloudfunctions2_function.this[each.value].service_config[0].uri}/${google_pubsub_topic.this[each.key].id}"

    oidc_token {
      service_account_email = google_service_account.push.email
      audience              = google_cloudfunctions2_function.this[each.value].service_config[0].uri
    }
  }

  # "Not yet" is an ordinary answer here (503): it must not slow down other bursts' messages for long.
  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.dead[each.key].id
    max_delivery_attempts = local.max_attempts
  }

  expiration_policy {
    ttl = local.never
  }

  # Without it the first messages would be refused, and Pub/Sub would slow down.
  depends_on = [google_cloud_run_service_iam_member.push_invokes]
}

resource "google_pubsub_subscription" "events" {
  for_each = var.leads

  project                      = var.project
  name                         = "overspill-events-${each.key}"
  topic                        = google_pubsub_topic.this["overspill-events"].id
  labels                       = merge(local.labels, { lead = each.key })
  filter                       = "attributes.lead = \"${each.key}\""
  enable_exactly_once_delivery = true
  ack_deadline_seconds         = 60
  message_retention_duration   = local.seven_days

  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.dead["overspill-events"].id
    max_delivery_attempts = local.max_attempts
  }

  expiration_policy {
    ttl = local.never
  }
}

resource "google_pubsub_subscription_iam_member" "pubsub_acks_pushed" {
  for_each = local.pushed

  project      = var.project
  subscription = google_pubsub_subscription.push[each.key].name
  role         = "roles/pubsub.subscriber"
  member       = local.pubsub_agent
}

resource "google_pubsub_subscription_iam_member" "pubsub_acks_events" {
  for_each = var.leads

  project      = var.project
  subscription = google_pubsub_subscription.events[each.key].name
  role         = "roles/pubsub.subscriber"
  member       = local.pubsub_agent
}
