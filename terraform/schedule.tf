# The sweep: the teardown function looks for bursts that outlived their right to exist.

resource "google_cloud_scheduler_job" "sweep" {
  project     = var.project
  region      = var.region
  name        = "overspill-sweep"
  description = "Has bursts removed whose lease or lifetime is over."
  schedule    = var.sweep_schedule
  time_zone   = "Etc/UTC"

  pubsub_target {
    topic_name = google_pubsub_topic.this["overspill-sweeps"].id
    data       = base64encode(jsonencode({ schema_version = "1.0" }))
    attributes = {
      kind           = "Sweep"
      schema_version = "1.0"
      deployment     = var.deployment
    }
  }

  retry_config {
    retry_count = 3
  }

  depends_on = [google_project_service.this, google_pubsub_topic_iam_member.scheduler_publishes]
}
