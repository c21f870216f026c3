# Topics, and for each a dead-letter topic with a subscription that keeps what arrives there for a person.
# Names are those of overspill_shared/names.py; a test compares them.

locals {
  topics     = toset(["overspill-requests", "overspill-teardowns", "overspill-leases", "overspill-sweeps", "overspill-events"])
  never      = ""
  seven_days = "604800s"
}

resource "google_pubsub_topic" "this" {
  #checkov:skip=CKV_GCP_83:Keys in messages are sealed already; Google encrypts the rest at rest, and a key of one's own would be one more thing to lose.
  for_each = local.topics

  project = var.project
  name    = each.value
  labels  = local.labels

  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }

  depends_on = [google_project_service.this]
}

resource "google_pubsub_topic" "dead" {
  #checkov:skip=CKV_GCP_83:Keys in messages are sealed already; Google encrypts the rest at rest, and a key of one's own would be one more thing to lose.
  for_each = local.topics

  project = var.project
  name    = "${each.value}-dead"
  labels  = local.labels

  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }

  depends_on = [google_project_service.this]
}

resource "google_pubsub_subscription" "dead" {
  for_each = local.topics

  project                    = var.project
  name                       = google_pubsub_topic.dead[each.value].name
  topic                      = google_pubsub_topic.dead[each.value].id
  labels                     = local.labels
  message_retention_duration = local.seven_days
  ack_deadline_seconds       = 60

  expiration_policy {
    ttl = local.never
  }
}

# Pub/Sub itself forwards what was delivered too often: it publishes there, and acks here.
resource "google_pubsub_topic_iam_member" "pubsub_forwards" {
  for_each = local.topics

  project = var.project
  topic   = google_pubsub_topic.dead[each.value].name
  role    = "roles/pubsub.publisher"
  member  = local.pubsub_agent
}
